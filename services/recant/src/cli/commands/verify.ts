import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import {
  type Broken,
  RULES,
  type Sound,
  type Verdict,
  type VerifyOptions,
  verifyBundle,
  verifyLedger,
  verifyLog,
  WARNINGS,
} from '@recant/verifier';
import type { Command } from 'commander';
import { threadInspector } from '../../evidence/inspector.ts';
import { readKept } from '../../evidence/kept-checkpoints.ts';
import { publishedLog } from '../../evidence/published-log.ts';
import { scratchFiles } from '../../evidence/scratch-files.ts';
import { findConnection } from '../connection.ts';
import { CliError, EXIT } from '../exit.ts';
import { json, type Paint, painter, printable } from '../output.ts';
import { progressLine } from '../progress.ts';
import { type CommonOptions, type World, withConnection } from '../session.ts';
import { wholeNumber } from './export.ts';

const HELP = `
Says "sound", or names the first broken rule, the entry, and what it means. With FILE it needs no service, no database and no network. With --log it reads a
log as the service publishes it. With neither it reads the whole ledger from its database (DATABASE_URL, or that of the running \`recant up\`), and compares
every row that stands beside the entries.

Without --anchor nobody can tell a ledger that was replaced as a whole by another one that was signed with its key. Keep checkpoints elsewhere, and give them.
Without --vkey the keys are the file's or the service's own word.

Exit codes: 0 sound, 6 not sound, 1 could not be checked.

Examples:
  recant verify ledger.recant
  recant verify ledger.recant --anchor /mnt/usb/checkpoints --vkey "recant.local/1a2b3c4d+0f3e2d1c+AZ..."
  recant verify --log 3
  recant verify --json`;

interface Options extends CommonOptions {
  readonly log?: string;
  readonly anchor?: string;
  readonly vkey?: string[];
  readonly tenant?: string;
}

const READ_BYTES = 1_048_576;

export function addVerify(program: Command, world: World, exit: (code: number) => void): void {
  withConnection(program.command('verify').description('is the ledger what it was? a bundle file, a log, or the whole ledger'))
    .argument('[file]', 'a bundle, as `recant export` writes it')
    .option('--log <shard>', 'a log over HTTP, as any C2SP client reads it')
    .option('--anchor <path>', 'folder with checkpoints that were kept elsewhere, or one of them')
    .option('--vkey <vkey...>', 'verifier keys to believe; default: those that come with it')
    .option('--tenant <tenant>', 'of another tenant than the operator’s (whole ledger)')
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: Options) => exit(await run(world, file, options)));
}

async function run(world: World, file: string | undefined, options: Options): Promise<number> {
  const shard = wholeNumber('--log', options.log);
  if (file !== undefined && shard !== undefined) throw new CliError(EXIT.usage, 'A file or --log, not both');
  const anchors = options.anchor === undefined ? [] : await readKept(options.anchor);
  const progress = progressLine(world.err);
  await using scratch = scratchFiles();
  await using thread = threadInspector();
  const common: VerifyOptions = {
    scratch,
    inspect: thread.inspect,
    anchors,
    progress: (entries) => {
      world.signal.throwIfAborted();
      progress.note(`${entries} entries`);
    },
    ...(options.vkey === undefined ? {} : { keys: options.vkey }),
  };
  const verdict = await look(world, file, shard, options, common).finally(() => progress.done());
  const unanchored = verdict.sound && options.anchor !== undefined && verdict.counts.anchors === 0;
  world.out.write(options.json ? json(verdict) : text(verdict, painter(world.out)));
  if (!verdict.sound) return EXIT.notSound;
  if (!unanchored) return EXIT.ok;
  throw new CliError(
    EXIT.failed,
    `Nothing in ${options.anchor} is of what was verified`,
    'Give the folder with checkpoints of this ledger and tenant.',
  );
}

async function look(
  world: World,
  file: string | undefined,
  shard: number | undefined,
  options: Options,
  common: VerifyOptions,
): Promise<Verdict> {
  if (file !== undefined) return await verifyFile(file, common);
  if (shard !== undefined) {
    const log = publishedLog(await findConnection(options, world.env), shard);
    return await verifyLog(log, common.keys === undefined ? await log.vkeys() : [], common);
  }
  const { findLedger } = await import('../../evidence/ledger-place.ts');
  const { createPool, withSnapshot } = await import('@recant/store');
  const { databaseUrl, tenant, keys } = await findLedger(options, world.env);
  const pool = createPool(databaseUrl, 1);
  try {
    const ownKeys = keys.signers.map(({ vkey }) => vkey);
    const verdict = await withSnapshot(pool, tenant, (snapshot) =>
      verifyLedger(tenant, snapshot, { ...common, ledger: keys.ledger, ownKeys }),
    );
    // Without a kept checkpoint an emptied ledger looks like one that never had an entry.
    if (verdict.sound && verdict.counts.logs === 0) {
      throw new CliError(
        EXIT.failed,
        `There is no entry of tenant ${tenant} here`,
        'Is it the right database and --tenant? Give --anchor to know.',
      );
    }
    return verdict;
  } finally {
    await pool.end();
  }
}

async function verifyFile(file: string, options: VerifyOptions): Promise<Verdict> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new CliError(EXIT.failed, `${file} cannot be read: ${(cause as Error).message}`, 'Give a bundle that `recant export` wrote.', {
      cause,
    });
  });
  if (!found.isFile()) throw new CliError(EXIT.failed, `${file} is not a file`, 'Give a bundle that `recant export` wrote.');
  return await verifyBundle(createReadStream(file, { highWaterMark: READ_BYTES }), options);
}

function text(verdict: Verdict, paint: Paint): string {
  return verdict.sound ? soundText(verdict, paint) : brokenText(verdict, paint);
}

function soundText({ counts, warnings, warningCounts, keys, keysGiven, anchorsUnused }: Sound, paint: Paint): string {
  const { logs, entries, events, deadLetters, checkpoints, anchors } = counts;
  const lines = [
    `${paint(['bold', 'green'], 'Sound.')} ${logs} logs, ${entries} entries: ${events} events, ${deadLetters} refused messages; ${checkpoints} checkpoints.`,
    anchors > 0
      ? `Compared with ${anchors} checkpoints that were kept elsewhere.`
      : 'Not compared with checkpoints kept elsewhere (--anchor): a ledger replaced as a whole would look the same.',
    `Signed by ${keys.length === 0 ? 'nobody yet' : keys.join(', ')}${keysGiven ? '' : ' (its own word: compare with what you were told, or give --vkey)'}.`,
  ];
  if (anchors > 0 && anchorsUnused.length > 0)
    lines.push(`${anchorsUnused.length} of the kept checkpoints are of something else, or of entries before these.`);
  for (const [rule, count] of Object.entries(warningCounts)) {
    const first = warnings.find((warning) => warning.rule === rule);
    lines.push(`${paint('yellow', 'Note:')} ${rule}, ${count} times. ${WARNINGS[rule as keyof typeof WARNINGS]}`);
    if (first !== undefined) lines.push(`      First: shard ${first.shard}, entry ${first.index}: ${printable(first.detail)}.`);
  }
  return `${lines.join('\n')}\n`;
}

function brokenText({ rule, shard, index, detail }: Broken, paint: Paint): string {
  const place = [...(shard === undefined ? [] : [`shard ${shard}`]), ...(index === undefined ? [] : [`entry ${index}`])].join(', ');
  return `${paint(['bold', 'red'], 'Not sound:')} ${rule}${place === '' ? '' : ` at ${place}`}.\n${RULES[rule]}\n${printable(detail)}\n`;
}
