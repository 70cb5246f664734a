import { ApiFault, getCheckpoint, getHead, getReceipt, getTile, getVkeys } from '@recant/api';
import type { LogKey } from '@recant/ledger';
import { type BoundRoute, handle } from '@recant/service';
import type { Published } from '@recant/store';
import {
  addSignatures,
  encodeEntryBundle,
  encodeNote,
  encodeTlogProof,
  parseNote,
  parseSignatures,
  parseTilePath,
  proveInclusion,
  TILE_WIDTH,
  type Tile,
  TransparencyError,
  tileHashReader,
} from '@recant/transparency';
import type { SigningKeys } from './signing-keys.ts';

export interface EvidenceDeps {
  readonly published: Published;
  readonly keys: SigningKeys | undefined;
}

/** The published evidence of the caller's tenant, as C2SP clients read it. */
export function evidenceRoutes({ published, keys }: EvidenceDeps): readonly BoundRoute[] {
  return [
    handle(getVkeys, async () => ({
      status: 200,
      body: `${signing(keys)
        .signers.map(({ vkey }) => vkey)
        .join('\n')}\n`,
    })),
    handle(getCheckpoint, async ({ params, caller }) => {
      const log = { tenant: caller.tenant, shard: params.shard };
      return { status: 200, body: (await readCheckpoint(published, log)).note };
    }),
    handle(getTile, async ({ params, caller }) => {
      const log = { tenant: caller.tenant, shard: params.shard };
      return { status: 200, body: await readTile(published, log, params.path) };
    }),
    handle(getReceipt, async ({ params, query, caller }) => {
      return { status: 200, body: await makeReceipt(published, caller.tenant, params.action, query.attempt) };
    }),
    handle(getHead, async ({ caller }) => {
      const head = await published.head(caller.tenant);
      if (head === undefined) throw new ApiFault('not_published', 'No signed head covers this tenant’s logs yet.');
      const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
      const { publication, slot, width, heads, signedAtMs } = head;
      const proof = Buffer.from(encodeTlogProof({ index: publication, hashes: head.recordPath, checkpoint: head.note })).toString();
      const signedAt = new Date(signedAtMs).toISOString();
      const body = {
        publication: Number(publication),
        slot,
        width,
        salt: base64(head.salt),
        path: head.path.map(base64),
        heads,
        proof,
        signedAt,
      };
      return { status: 200, body };
    }),
  ];
}

/** @throws ApiFault `signing_not_configured` */
export function signing(keys: SigningKeys | undefined): SigningKeys {
  if (keys === undefined) throw new ApiFault('signing_not_configured', 'RECANT_SIGNING_KEY_FILE is not set.');
  return keys;
}

interface ReadCheckpoint {
  readonly size: bigint;
  /** Includes the cosignatures of witnesses. */
  readonly note: Uint8Array;
}

async function readCheckpoint(published: Published, log: LogKey): Promise<ReadCheckpoint> {
  const checkpoint = await published.checkpoint(log);
  if (checkpoint === undefined) throw new ApiFault('not_published', `Shard ${log.shard} has no signed checkpoint yet.`);
  const { size, note, cosignatures } = checkpoint;
  if (cosignatures.length === 0) return { size, note };
  return { size, note: encodeNote(addSignatures(parseNote(note), parseSignatures(cosignatures.map((line) => `${line}\n`).join('')))) };
}

async function readTile(published: Published, log: LogKey, path: string): Promise<Uint8Array> {
  const wanted = parsePath(`tile/${path}`);
  if (wanted.kind === 'hashes') {
    const [bytes] = await published.tiles(log, [wanted]);
    if (bytes === undefined) throw missing(path);
    return bytes;
  }
  const entries = await published.entries(log, wanted.index * BigInt(TILE_WIDTH), wanted.width);
  if (entries === undefined) throw missing(path);
  return encodeEntryBundle(entries);
}

function parsePath(path: string): ReturnType<typeof parseTilePath> {
  try {
    return parseTilePath(path);
  } catch (error) {
    if (error instanceof TransparencyError) throw new ApiFault('not_published', `${error.message}.`, { cause: error });
    throw error;
  }
}

const missing = (path: string): ApiFault => new ApiFault('not_published', `tile/${path} does not exist, or has a smaller width.`);

async function makeReceipt(published: Published, tenant: string, action: string, attempt: number | undefined): Promise<Uint8Array> {
  const place = await published.receiptPlace(tenant, action, attempt);
  if (place === undefined)
    throw new ApiFault(
      'action_unknown',
      attempt === undefined ? `Unknown action ${action}.` : `Action ${action} has no attempt ${attempt}.`,
    );
  const { log, index } = place;
  const checkpoint = await published.checkpoint(log);
  if (checkpoint === undefined || checkpoint.size <= index)
    throw new ApiFault('receipt_pending', `Entry ${log.shard}/${index} is recorded but not covered by a checkpoint yet.`, {
      retryAfterSeconds: 1,
    });
  const { size, note } = await readCheckpoint(published, log);
  const reader = tileHashReader(size, (tiles) => tilesOf(published, log, tiles));
  const hashes = await proveInclusion(index, size, reader);
  const [extra] = (await published.entries(log, index, 1)) ?? [];
  if (extra === undefined) throw missing(`entries (entry ${index})`);
  return encodeTlogProof({ extra, index, hashes, checkpoint: note });
}

async function tilesOf(published: Published, log: LogKey, tiles: readonly Tile[]): Promise<readonly Uint8Array[]> {
  const found = await published.tiles(log, tiles);
  return found.map((bytes) => {
    if (bytes === undefined) throw new ApiFault('internal', `A tile of shard ${log.shard} is missing; run \`recant verify\`.`);
    return bytes;
  });
}
