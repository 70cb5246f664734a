import { decodeFrame } from '@recant/ledger';
import { decodeEntryBundle, decodeTile, TILE_WIDTH, type Tile, TransparencyError } from '@recant/transparency';
import { Keys } from '../keys.ts';
import { LedgerWalk, type VerifyOptions } from '../ledger-walk.ts';
import { BrokenRule } from '../rules.ts';
import { brokenVerdict, type Sound, type Verdict } from '../verdict.ts';

/** Reads one log over static C2SP endpoints. Nothing it returns is trusted. */
export interface LogReader {
  /** The newest signed note. */
  checkpoint(): Promise<Uint8Array>;
  /** A published tile: hashes of level 0, or entries. */
  tile(kind: 'hashes' | 'entries', tile: Tile): Promise<Uint8Array>;
}

/** Verifies a whole published log. @param vkeys keys that the log's operator states; `options.keys` take precedence. */
export async function verifyLog(reader: LogReader, vkeys: readonly string[], options: VerifyOptions): Promise<Verdict> {
  const verification: { walk?: LedgerWalk } = {};
  try {
    return await run(reader, Keys.parse(options.keys ?? vkeys), options, verification);
  } catch (cause) {
    if (!(cause instanceof BrokenRule)) throw cause;
    return brokenVerdict((await verification.walk?.earliest(cause)) ?? cause);
  }
}

async function run(reader: LogReader, keys: Keys, options: VerifyOptions, verification: { walk?: LedgerWalk }): Promise<Sound> {
  const note = await reader.checkpoint();
  const { origin, size } = keys.openCheckpoint(note);
  const { ledger, tenant, shard, epoch } = splitOrigin(origin);
  const walk = new LedgerWalk(ledger, tenant, keys, options);
  verification.walk = walk;
  for (let n = 0n; n * BigInt(TILE_WIDTH) < size; n += 1n) {
    const width = Number(size - n * BigInt(TILE_WIDTH) < BigInt(TILE_WIDTH) ? size - n * BigInt(TILE_WIDTH) : TILE_WIDTH);
    const tile = { level: 0, index: n, width };
    const [frames, leaves] = await Promise.all([reader.tile('entries', tile), reader.tile('hashes', tile)]).then(([entries, hashes]) =>
      decode(entries, hashes, width, shard),
    );
    if (n === 0n) await walk.open({ shard, shards: shardsOf(frames[0]), epoch, from: 0n, size, start: Buffer.alloc(0) });
    for (const [at, frame] of frames.entries()) {
      walk.entry(n * BigInt(TILE_WIDTH) + BigInt(at), frame, leaves[at]);
      if (walk.due) await walk.settle();
    }
  }
  if (size === 0n) await walk.open({ shard, shards: 1, epoch, from: 0n, size, start: Buffer.alloc(0) });
  walk.checkpoint(note);
  await walk.close();
  return await walk.finish(false, options.keys !== undefined);
}

function decode(entries: Uint8Array, hashes: Uint8Array, width: number, shard: number): [readonly Uint8Array[], readonly Uint8Array[]] {
  try {
    return [decodeEntryBundle(entries, width), decodeTile(hashes, width)];
  } catch (cause) {
    if (!(cause instanceof TransparencyError)) throw cause;
    throw new BrokenRule(cause.code === 'truncated' ? 'truncated' : 'format', cause.message, shard, undefined, cause);
  }
}

function splitOrigin(origin: string): { ledger: string; tenant: string; shard: number; epoch: number } {
  const [, ledger, tenant, shard, epoch] = /^(.+)\/((?:[^/%]|%[0-9A-F]{2})+)\/(0|[1-9][0-9]{0,3})\/e([1-9][0-9]{0,8})$/s.exec(origin) ?? [];
  if (ledger === undefined || tenant === undefined) throw noLog(origin);
  return { ledger, tenant: decoded(tenant, origin), shard: Number(shard), epoch: Number(epoch) };
}

function decoded(tenant: string, origin: string): string {
  try {
    return decodeURIComponent(tenant);
  } catch {
    throw noLog(origin);
  }
}

const noLog = (origin: string): BrokenRule =>
  new BrokenRule('origin_mismatch', `expected the origin of a ledger's log, got ${JSON.stringify(origin)}`);

/** Number of shards that the genesis entry states; the walk verifies the whole entry. */
function shardsOf(frame: Uint8Array | undefined): number {
  const body = frame === undefined ? undefined : decodeFrame(frame)?.body;
  try {
    const { shards } = JSON.parse(Buffer.from(body ?? []).toString('utf8')) as { shards?: unknown };
    return typeof shards === 'number' && Number.isInteger(shards) && shards >= 1 && shards <= 4_096 ? shards : 1;
  } catch {
    return 1;
  }
}
