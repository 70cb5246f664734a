import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { LedgerPlace } from '../../evidence/ledger-place.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { count, json, painter } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { reasonOf, type World, withFolder, withJson, withReason } from '../../terminal/session.ts';
import { wholeNumber } from '../options.ts';

const HELP = `
Writes all signed entries of the ledger (or of one log) into one file that anyone can verify offline: entries, dead letters, checkpoints, keys and
a signed end. Reads the database (DATABASE_URL, or that of the running \`recant up\`) and signs with the ledger's key. The export itself is recorded
as an act.

Examples:
  recant export --out ledger.recant
  recant export --out shard-3.recant --shard 3 --from 10000
  recant verify ledger.recant --anchor saved-checkpoints`;

interface ExportOptions {
  readonly reason?: string;
  readonly out: string;
  readonly shard?: string;
  readonly from?: string;
  readonly vkey?: string[];
  readonly tenant?: string;
  readonly dir?: string;
  readonly json?: boolean;
}

export function addExport(program: Command, world: World): void {
  withReason(withFolder(withJson(program.command('export').description('write a bundle: all evidence in one file, verifiable offline'))))
    .requiredOption('--out <file>', 'bundle to write; existing files are never overwritten')
    .option('--shard <n>', 'export only this log')
    .option('--from <index>', 'first entry (with --shard)')
    .option('--vkey <vkey...>', 'retired verifier keys that signed earlier checkpoints')
    .option('--tenant <tenant>', 'tenant to export (default: the operator’s)')
    .addHelpText('after', HELP)
    .action((options: ExportOptions) => run(world, options));
}

async function run(world: World, options: ExportOptions): Promise<void> {
  const shard = wholeNumber('--shard', options.shard);
  const from = wholeNumber('--from', options.from);
  if (from !== undefined && shard === undefined) throw new CliError(EXIT.usage, '--from needs --shard', 'Name the log with --shard.');
  const { reason } = { reason: undefined, ...reasonOf(options) };
  const path = resolve(options.out);
  if (await exists(path))
    throw new CliError(EXIT.refused, `${path} already exists`, 'Choose another file name: bundles are never overwritten.');
  if (!(await exists(dirname(path))))
    throw new CliError(EXIT.usage, `Folder ${dirname(path)} does not exist`, 'Create it, or choose another --out.');
  const { findLedger } = await import('../../evidence/ledger-place.ts');
  const place = await findLedger(options, world.env);
  const progress = progressLine(world.err);
  const made = new Date(world.nowMs()).toISOString();
  const written = await write(place, path, { made, shard, from, reason, vkeys: options.vkey ?? [] }, world, (bytes) => {
    if (bytes >= 2 ** 20) progress.note(`${Math.round(bytes / 2 ** 20)} MiB written`);
  }).finally(() => progress.done());
  const keys = place.keys.signers.map(({ vkey }) => vkey);
  if (options.json) return void world.out.write(json({ file: path, ...written, keys }));
  const paint = painter(world.out);
  world.out.write(
    `${paint('bold', path)}: ${count(Number(written.entries), 'entry', 'entries')} of ${count(written.logs, 'log')}, ${written.bytes} bytes.\n`,
  );
  world.out.write(`Verify it offline:  recant verify ${options.out} --vkey "${keys[0]}"\n`);
}

interface Wanted {
  readonly made: string;
  readonly shard: number | undefined;
  readonly from: number | undefined;
  readonly reason: string | undefined;
  readonly vkeys: readonly string[];
}

interface Written {
  readonly logs: number;
  readonly entries: string;
  readonly bytes: number;
}

/** All or nothing: a crash leaves a file that ends in `.part`. */
async function write(place: LedgerPlace, path: string, wanted: Wanted, world: World, progress: (bytes: number) => void): Promise<Written> {
  const [{ createPool, withBundleSource }, { writeBundle }, { recordExport }] = await Promise.all([
    import('@recant/store'),
    import('@recant/verifier'),
    import('../../evidence/record-export.ts'),
  ]);
  const { ledger, signers } = place.keys;
  const [signer] = signers;
  if (signer === undefined) throw new CliError(EXIT.usage, 'No signing key found', 'Set RECANT_SIGNING_KEY_FILE.');
  const vkeys = [...new Set([...signers.map(({ vkey }) => vkey), ...wanted.vkeys])];
  const query = { ledger, tenant: place.tenant, made: wanted.made, vkeys };
  const range = {
    ...(wanted.shard === undefined ? {} : { shard: wanted.shard }),
    ...(wanted.from === undefined ? {} : { from: BigInt(wanted.from) }),
  };
  const part = `${path}.part`;
  const pool = createPool(place.databaseUrl, 1);
  try {
    return await withBundleSource(pool, { ...query, ...range }, async (source) => {
      if (source.logs.length === 0)
        throw new CliError(
          EXIT.refused,
          'This tenant has no signed entries',
          'Check --tenant. A new entry is signed after about a second.',
        );
      await using record = await recordExport(place, source, wanted, world);
      const digest = createHash('sha256');
      let bytes = 0;
      const counted = async function* (): AsyncGenerator<Buffer> {
        for await (const piece of writeBundle(source, signer)) {
          digest.update(piece);
          bytes += piece.length;
          progress(bytes);
          yield piece;
        }
      };
      await pipeline(counted, createWriteStream(part, { flags: 'w', mode: 0o600 }), { signal: world.signal });
      await sync(part);
      const entries = String(source.logs.reduce((sum, log) => sum + log.size - log.from, 0n));
      await record.done({ entries, bytes, sha256: digest.digest('hex') });
      await rename(part, path);
      return { logs: source.logs.length, entries, bytes };
    });
  } catch (cause) {
    await rm(part, { force: true });
    if (cause instanceof RangeError) throw new CliError(EXIT.usage, cause.message, 'Choose an earlier entry.', { cause });
    throw cause;
  } finally {
    await pool.end();
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
