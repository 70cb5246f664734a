import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Sound, type Verdict, type VerifyOptions, verifyBundle, verifyLedger, verifyLog } from '@recant/verifier';
import type { Command } from 'commander';
import { threadedEventCheck } from '../../evidence/event-thread.ts';
import { type Origins, originsOfBundle, originsOfLedger, originsOfLog } from '../../evidence/kept/origins.ts';
import { readKept } from '../../evidence/kept/read-kept.ts';
import { publishedLog } from '../../evidence/published-log.ts';
import { findConnection } from '../../terminal/connection.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { count, json, painter } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { type CommonOptions, type World, withConnection } from '../../terminal/session.ts';
import { wholeNumber } from '../options.ts';
import { receiptWords, verdictWords } from '../verdict-text.ts';

const HELP = `
Says "sound", or names the first broken rule, the entry, and what it means. With FILE it needs no service, no database and no network. With --log it reads a
log as the service publishes it. With neither it reads the whole ledger from its database (DATABASE_URL, or that of the running \`recant up\`), and compares
every row that stands beside the entries. A receipt (\`recant receipt\`) is verified under the --vkey that you were told.

Without --anchor nobody can tell a ledger that was replaced as a whole by another one that was signed with its key. Keep checkpoints elsewhere, and give them:
a folder or a file of them, somebody's receipt, a bucket (s3://bucket/prefix, reached as RECANT_ANCHOR_S3_ENDPOINT, _REGION, _ACCESS_KEY_ID and _SECRET_ACCESS_KEY say), a witness (the
address that it runs at), or the address of one checkpoint, which ends with "checkpoint". Where one does not answer nothing is verified.
Without --vkey the keys are the file's or the service's own word.

Exit codes: 0 sound, 6 not sound, 1 could not be checked, 4 no answer from the service or from where checkpoints are kept.

Examples:
  recant verify ledger.recant
  recant verify ledger.recant --anchor /mnt/usb/checkpoints --vkey "recant.local/1a2b3c4d+0f3e2d1c+AZ..."
  recant verify ledger.recant --anchor s3://kept-by-others/recant/ --anchor https://witness.example
  recant verify order-42.tlog-proof --vkey "recant.local/1a2b3c4d+0f3e2d1c+AZ..."
  recant verify --log 3
  recant verify --json`;

interface Options extends CommonOptions {
  readonly log?: string;
  readonly anchor: readonly string[];
  readonly vkey?: string[];
  readonly tenant?: string;
}

/** How to verify, once it is known what: some places are asked log by log. */
type Kept = (origins: Origins) => Promise<VerifyOptions>;

const READ_BYTES = 1_048_576;
const NEEDED = 'Give a bundle that `recant export` wrote, or a receipt of `recant receipt`.';

export function addVerify(program: Command, world: World, exit: (code: number) => void): void {
  withConnection(program.command('verify').description('is the ledger what it was? a bundle file, a log, or the whole ledger'))
    .argument('[file]', 'a bundle, as `recant export` writes it, or a receipt')
    .option('--log <shard>', 'a log over HTTP, as any C2SP client reads it')
    .option(
      '--anchor <place>',
      'checkpoints that were kept elsewhere: folder, file, receipt, s3://bucket/prefix or http(s) address; repeatable',
      gather,
      [],
    )
    .option('--vkey <vkey...>', 'verifier keys to believe; default: those that come with it')
    .option('--tenant <tenant>', 'of another tenant than the operator’s (whole ledger)')
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: Options) => exit(await run(world, file, options)));
}

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value];

async function run(world: World, file: string | undefined, options: Options): Promise<number> {
  const shard = wholeNumber('--log', options.log);
  if (file !== undefined && shard !== undefined) throw new CliError(EXIT.usage, 'A file or --log, not both');
  const receipt = file === undefined ? undefined : await openFile(file);
  if (receipt !== undefined) return await verifyOne(world, receipt, options);
  const progress = progressLine(world.err);
  await using events = threadedEventCheck();
  const common: VerifyOptions = {
    events,
    progress: (entries) => {
      world.signal.throwIfAborted();
      progress.note(`${entries} entries`);
    },
    ...(options.vkey === undefined ? {} : { keys: options.vkey }),
  };
  const kept: Kept = async (origins) => {
    const anchors = await readKept(options.anchor, origins, world, (read) => progress.note(count(read, 'kept checkpoint')));
    return { ...common, anchors };
  };
  const verdict = await look(world, file, shard, options, kept).finally(() => progress.done());
  world.out.write(options.json ? json(verdict) : verdictWords(verdict, painter(world.out)));
  if (!verdict.sound) return EXIT.notSound;
  requireCompared(verdict, options.anchor);
  return EXIT.ok;
}

/** Who gives checkpoints wants them compared. */
function requireCompared({ counts, anchorsNewer }: Sound, places: readonly string[]): void {
  if (places.length === 0 || counts.anchors > 0) return;
  const where = places.join(', ');
  if (anchorsNewer.length > 0)
    throw new CliError(
      EXIT.failed,
      `All that ${where} keeps of this ledger is newer than this bundle`,
      'Give a place that keeps older checkpoints too, or verify a newer bundle.',
    );
  throw new CliError(
    EXIT.failed,
    `Nothing in ${where} is of what was verified`,
    'Give the place with checkpoints of this ledger and tenant.',
  );
}

async function look(world: World, file: string | undefined, shard: number | undefined, options: Options, kept: Kept): Promise<Verdict> {
  if (file !== undefined) return await verifyFile(file, kept);
  if (shard !== undefined) {
    const log = publishedLog(await findConnection(options, world.env), shard);
    return await verifyLog(log, options.vkey === undefined ? await log.vkeys() : [], await kept(originsOfLog(log)));
  }
  const { findLedger } = await import('../../evidence/ledger-place.ts');
  const { createPool, withSnapshot } = await import('@recant/store');
  const { databaseUrl, tenant, keys } = await findLedger(options, world.env);
  const pool = createPool(databaseUrl, 1);
  try {
    const ownKeys = keys.signers.map(({ vkey }) => vkey);
    // Before the moment that is verified: what is kept later may be of more.
    const readHeads = () => withSnapshot(pool, tenant, (snapshot) => snapshot.heads());
    const common = await kept(originsOfLedger(keys.ledger, tenant, readHeads));
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

/** The receipt in the file; undefined where it is a bundle, or nothing that is known. */
async function openFile(file: string): Promise<Uint8Array | undefined> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new CliError(EXIT.failed, `${file} cannot be read: ${(cause as Error).message}`, NEEDED, { cause });
  });
  if (!found.isFile()) throw new CliError(EXIT.failed, `${file} is not a file`, NEEDED);
  const { readReceipt } = await import('../../evidence/verify-receipt.ts');
  return await readReceipt(file);
}

async function verifyOne(world: World, receipt: Uint8Array, { vkey, anchor, json: asJson }: Options): Promise<number> {
  if (vkey === undefined)
    throw new CliError(
      EXIT.usage,
      'A receipt has no keys of its own',
      'Give --vkey as you were told it; `recant log vkeys` says it at the ledger.',
    );
  if (anchor.length > 0) throw new CliError(EXIT.usage, '--anchor is not for a receipt: it holds its checkpoint itself', 'Leave it out.');
  const { verifyReceipt } = await import('../../evidence/verify-receipt.ts');
  const verdict = verifyReceipt(receipt, vkey);
  world.out.write(asJson ? json(verdict) : receiptWords(verdict, painter(world.out)));
  return verdict.sound ? EXIT.ok : EXIT.notSound;
}

async function verifyFile(file: string, kept: Kept): Promise<Verdict> {
  const options = await kept(originsOfBundle(file));
  return await verifyBundle(createReadStream(file, { highWaterMark: READ_BYTES }), options);
}
