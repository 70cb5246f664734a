import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { LedgerPlace } from '../../evidence/ledger-place.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, painter } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import type { World } from '../../terminal/session.ts';
import { wholeNumber } from '../options.ts';

const HELP = `
Writes all signed entries of the ledger (or of one log) into one file that anybody can verify without this ledger: entries, refused messages, checkpoints,
keys, and a signed statement at its end. The export is an entry itself, in the log of its tenant. It reads the database (DATABASE_URL, or that of the running \`recant up\`) and signs with the ledger's key.

Examples:
  recant export --out ledger.recant
  recant export --out shard-3.recant --shard 3 --from 10000
  recant verify ledger.recant --anchor kept-checkpoints`;

interface ExportOptions {
  readonly out: string;
  readonly shard?: string;
  readonly from?: string;
  readonly vkey?: string[];
  readonly tenant?: string;
  readonly dir?: string;
  readonly json?: boolean;
}

export function addExport(program: Command, world: World): void {
  program
    .command('export')
    .description('a bundle: evidence in one file, for somebody who trusts nobody here')
    .requiredOption('--out <file>', 'where to write it; nothing is written over')
    .option('--shard <n>', 'only this log')
    .option('--from <index>', 'from this entry on (with --shard)')
    .option('--vkey <vkey...>', 'verifier keys that signed earlier checkpoints and are not in use any more')
    .option('--tenant <tenant>', 'of another tenant than the operator’s')
    .option('--dir <folder>', 'folder of `recant up` (RECANT_DIR; default .recant)')
    .option('--json', 'print JSON for programs instead of text for people')
    .addHelpText('after', HELP)
    .action((options: ExportOptions) => run(world, options));
}

async function run(world: World, options: ExportOptions): Promise<void> {
  const shard = wholeNumber('--shard', options.shard);
  const from = wholeNumber('--from', options.from);
  if (from !== undefined && shard === undefined) throw new CliError(EXIT.usage, '--from goes with --shard', 'Say which log starts there.');
  const path = resolve(options.out);
  if (await exists(path))
    throw new CliError(EXIT.refused, `${path} is there already`, 'Choose another name: evidence is not written over.');
  if (!(await exists(dirname(path))))
    throw new CliError(EXIT.usage, `There is no folder ${dirname(path)}`, 'Make it, or choose another --out.');
  const { findLedger } = await import('../../evidence/ledger-place.ts');
  const place = await findLedger(options, world.env);
  const progress = progressLine(world.err);
  const made = new Date(world.nowMs()).toISOString();
  const written = await write(place, path, { made, shard, from, vkeys: options.vkey ?? [] }, world, (bytes) => {
    if (bytes >= 2 ** 20) progress.note(`${Math.round(bytes / 2 ** 20)} MiB written`);
  }).finally(() => progress.done());
  const keys = place.keys.signers.map(({ vkey }) => vkey);
  if (options.json) return void world.out.write(json({ file: path, ...written, keys }));
  const paint = painter(world.out);
  world.out.write(`${paint('bold', path)}: ${written.entries} entries of ${written.logs} logs, ${written.bytes} bytes.\n`);
  world.out.write(`Verify it anywhere:  recant verify ${options.out} --vkey "${keys[0]}"\n`);
}

interface Wanted {
  readonly made: string;
  readonly shard: number | undefined;
  readonly from: number | undefined;
  readonly vkeys: readonly string[];
}

interface Written {
  readonly logs: number;
  readonly entries: string;
  readonly bytes: number;
}

/** Whole or not at all: what a crash leaves ends in `.part`. */
async function write(place: LedgerPlace, path: string, wanted: Wanted, world: World, tell: (bytes: number) => void): Promise<Written> {
  const [{ createPool, withBundleSource }, { writeBundle }, { recordExport }] = await Promise.all([
    import('@recant/store'),
    import('@recant/verifier'),
    import('../../evidence/record-export.ts'),
  ]);
  const { ledger, signers } = place.keys;
  const [signer] = signers;
  if (signer === undefined) throw new CliError(EXIT.usage, 'There is no signing key', 'Set RECANT_SIGNING_KEY_FILE.');
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
          'Nothing of this tenant is signed that could be exported',
          'Is it the right --tenant? A new entry is signed after about a second.',
        );
      await using record = await recordExport(place, source, wanted, world);
      const digest = createHash('sha256');
      let bytes = 0;
      const counted = async function* (): AsyncGenerator<Buffer> {
        for await (const piece of writeBundle(source, signer)) {
          digest.update(piece);
          bytes += piece.length;
          tell(bytes);
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
