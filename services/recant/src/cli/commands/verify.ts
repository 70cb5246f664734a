import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Sound, type Verdict, type VerifyOptions, verifyBundle, verifyLedger, verifyLog } from '@recant/verifier';
import type { Command } from 'commander';
import { threadedEventCheck } from '../../evidence/event-thread.ts';
import { publishedLog } from '../../evidence/published-log.ts';
import { type Origins, originsOfBundle, originsOfLedger, originsOfLog } from '../../evidence/saved/origins.ts';
import { findConnection } from '../../terminal/connection.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { count, json, painter } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { type CommonOptions, type World, withConnection } from '../../terminal/session.ts';
import { wholeNumber } from '../options.ts';
import { receiptText, verdictText } from '../verdict-text.ts';

const HELP = `
Prints "Sound", or the first broken rule with its entry and meaning. With FILE it works offline. With --log it reads a log as the service publishes
it. With neither it reads the whole ledger from its database (DATABASE_URL, or that of the running \`recant up\`) and compares every projected row
with its entry. A receipt (\`recant receipt\`) is verified under --vkey.

Without --anchor, a ledger that was replaced as a whole by another one signed with its key goes unnoticed. Save checkpoints elsewhere, and pass them:
a folder or file of checkpoints, a receipt, a bucket (s3://bucket/prefix, with RECANT_ANCHOR_S3_ENDPOINT, _REGION, _ACCESS_KEY_ID and
_SECRET_ACCESS_KEY), a witness (its address), or the address of one checkpoint (ends with "checkpoint"). If one of them does not answer, nothing is
verified. Without --vkey, the keys in the file or from the service are trusted.

Exit codes: 0 sound, 6 not sound, 1 could not verify, 4 no answer from the service or from a place of saved checkpoints.

Examples:
  recant verify ledger.recant
  recant verify ledger.recant --anchor /mnt/usb/checkpoints --vkey "recant.local/1a2b3c4d+0f3e2d1c+AZ..."
  recant verify ledger.recant --anchor s3://audit-bucket/recant/ --anchor https://witness.example
  recant verify order-42.tlog-proof --vkey "recant.local/1a2b3c4d+0f3e2d1c+AZ..."
  recant verify --log 3
  recant verify --json`;

interface Options extends CommonOptions {
  readonly log?: string;
  readonly anchor: readonly string[];
  readonly vkey?: string[];
  readonly tenant?: string;
}

/** Options of the verifier, with the saved checkpoints of the given logs: some places are queried log by log. */
type ReadOptions = (origins: Origins) => Promise<VerifyOptions>;

const READ_BYTES = 1_048_576;
const EXPECTED = 'Pass a bundle from `recant export`, or a receipt from `recant receipt`.';

export function addVerify(program: Command, world: World, exit: (code: number) => void): void {
  withConnection(program.command('verify').description('verify integrity of a bundle, a receipt, a log or the whole ledger'))
    .argument('[file]', 'bundle or receipt')
    .option('--log <shard>', 'verify a log over HTTP, as any C2SP client does')
    .option(
      '--anchor <place>',
      'checkpoints saved elsewhere: folder, file, receipt, s3://bucket/prefix or http(s) address; repeatable',
      gather,
      [],
    )
    .option('--vkey <vkey...>', 'trusted verifier keys (default: those in the file or from the service)')
    .option('--tenant <tenant>', 'tenant, for the whole ledger (default: the operator’s)')
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: Options) => exit(await run(world, file, options)));
}

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value];

async function run(world: World, file: string | undefined, options: Options): Promise<number> {
  const shard = wholeNumber('--log', options.log);
  if (file !== undefined && shard !== undefined) throw new CliError(EXIT.usage, 'Pass a file or --log, not both');
  const receipt = file === undefined ? undefined : await openFile(file);
  if (receipt !== undefined) return await runReceipt(world, receipt, options);
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
  const readOptions: ReadOptions = async (origins) => {
    // Loaded on demand, with the clients of every place: other commands start in half the time.
    const { readSaved } = await import('../../evidence/saved/read-saved.ts');
    const anchors = await readSaved(options.anchor, origins, world, (read) => progress.note(count(read, 'saved checkpoint')));
    return { ...common, anchors };
  };
  const verdict = await verifyAny(world, file, shard, options, readOptions).finally(() => progress.done());
  world.out.write(options.json ? json(verdict) : verdictText(verdict, painter(world.out)));
  if (!verdict.sound) return EXIT.notSound;
  requireCompared(verdict, options.anchor);
  return EXIT.ok;
}

/** Fails if none of the passed checkpoints could be compared. */
function requireCompared({ counts, anchorsNewer }: Sound, places: readonly string[]): void {
  if (places.length === 0 || counts.anchors > 0) return;
  const where = places.join(', ');
  if (anchorsNewer.length > 0)
    throw new CliError(
      EXIT.failed,
      `All checkpoints in ${where} are newer than this bundle`,
      'Pass a place with older checkpoints too, or verify a newer bundle.',
    );
  throw new CliError(
    EXIT.failed,
    `No checkpoint in ${where} belongs to what was verified`,
    'Pass the place with checkpoints of this ledger and tenant.',
  );
}

async function verifyAny(
  world: World,
  file: string | undefined,
  shard: number | undefined,
  options: Options,
  readOptions: ReadOptions,
): Promise<Verdict> {
  if (file !== undefined) return await verifyFile(file, readOptions);
  if (shard !== undefined) {
    const connection = await findConnection(options, world.env);
    world.onCredential?.(connection.credential);
    const log = publishedLog(connection, shard);
    return await verifyLog(log, options.vkey === undefined ? await log.vkeys() : [], await readOptions(originsOfLog(log)));
  }
  const { findLedger } = await import('../../evidence/ledger-place.ts');
  const { createPool, withSnapshot } = await import('@recant/store');
  const { databaseUrl, tenant, keys } = await findLedger(options, world.env);
  const pool = createPool(databaseUrl, 1);
  try {
    const ownKeys = keys.signers.map(({ vkey }) => vkey);
    // Checkpoints are read before the snapshot: later ones may cover more entries.
    const readHeads = () => withSnapshot(pool, tenant, (snapshot) => snapshot.heads());
    const common = await readOptions(originsOfLedger(keys.ledger, tenant, readHeads));
    const verdict = await withSnapshot(pool, tenant, (snapshot) =>
      verifyLedger(tenant, snapshot, { ...common, ledger: keys.ledger, ownKeys }),
    );
    // Without a saved checkpoint, a ledger that was emptied looks like one that never had an entry.
    if (verdict.sound && verdict.counts.logs === 0) {
      throw new CliError(
        EXIT.failed,
        `No entries of tenant ${tenant} in this database`,
        'Check the database and --tenant; --anchor detects a ledger that was emptied.',
      );
    }
    return verdict;
  } finally {
    await pool.end();
  }
}

/** The receipt in the file; undefined if it is a bundle or of unknown format. */
async function openFile(file: string): Promise<Uint8Array | undefined> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new CliError(EXIT.failed, `Cannot read ${file}: ${(cause as Error).message}`, EXPECTED, { cause });
  });
  if (!found.isFile()) throw new CliError(EXIT.failed, `${file} is not a file`, EXPECTED);
  const { readReceipt } = await import('../../evidence/verify-receipt.ts');
  return await readReceipt(file);
}

async function runReceipt(world: World, receipt: Uint8Array, { vkey, anchor, json: asJson }: Options): Promise<number> {
  if (vkey === undefined)
    throw new CliError(
      EXIT.usage,
      'A receipt needs --vkey: it contains no keys',
      'Get the key over a channel that you trust; `recant log vkeys` prints it at the ledger.',
    );
  if (anchor.length > 0)
    throw new CliError(EXIT.usage, '--anchor does not apply to a receipt: it contains its checkpoint', 'Leave out --anchor.');
  const { verifyReceipt } = await import('../../evidence/verify-receipt.ts');
  const verdict = verifyReceipt(receipt, vkey);
  world.out.write(asJson ? json(verdict) : receiptText(verdict, painter(world.out)));
  return verdict.sound ? EXIT.ok : EXIT.notSound;
}

async function verifyFile(file: string, readOptions: ReadOptions): Promise<Verdict> {
  const options = await readOptions(originsOfBundle(file));
  return await verifyBundle(createReadStream(file, { highWaterMark: READ_BYTES }), options);
}
