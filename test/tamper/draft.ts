import type { JsonObject } from '@recant/events';
import { Frontier, formatCheckpoint, leafHash } from '@recant/transparency';
import { splitRecords } from '@recant/verifier';
import type { testSigner } from '../../libs/verifier/test/make-ledger.ts';

export type NoteSigner = ReturnType<typeof testSigner>;
export type Item =
  | { readonly type: 'E'; readonly index: bigint; readonly frame: Buffer }
  | { readonly type: 'D'; readonly index: bigint; readonly bytes: Buffer }
  | { readonly type: 'C'; readonly note: Buffer }
  | { readonly type: 'P'; readonly roots: Buffer };
export type Entry = Extract<Item, { type: 'E' }>;

export interface DraftLog {
  shard: number;
  shards: number;
  epoch: number;
  from: bigint;
  size: bigint;
  origin: string;
  items: Item[];
}

/** A parsed bundle that can be changed. Its buffers are shared with the original: replace them, never write to them. */
export interface Draft {
  manifest: JsonObject;
  keys: string[];
  logs: DraftLog[];
}

export function parseDraft(bytes: Buffer): Draft {
  const draft: Draft = { manifest: {}, keys: [], logs: [] };
  for (const { type, payload } of splitRecords(bytes)) {
    const log = draft.logs.at(-1);
    if (type === 'M') draft.manifest = JSON.parse(payload.toString()) as JsonObject;
    else if (type === 'K') draft.keys.push(payload.toString());
    else if (type === 'L') draft.logs.push(logOf(draft.manifest, draft.logs.length));
    else if (type === 'E') log?.items.push({ type, index: payload.readBigUInt64BE(), frame: payload.subarray(8) });
    else if (type === 'D') log?.items.push({ type, index: payload.readBigUInt64BE(), bytes: payload.subarray(8) });
    else if (type === 'C') log?.items.push({ type, note: payload });
    else if (type === 'P') log?.items.push({ type, roots: payload });
  }
  return draft;
}

function logOf(manifest: JsonObject, at: number): DraftLog {
  const listed = (manifest.logs as unknown as Record<string, unknown>[])[at] as Record<string, unknown>;
  return { ...listed, from: BigInt(listed.from as string), size: BigInt(listed.size as string), items: [] } as unknown as DraftLog;
}

export function copyDraft({ manifest, keys, logs }: Draft): Draft {
  return { manifest: { ...manifest }, keys: [...keys], logs: logs.map((log) => ({ ...log, items: [...log.items] })) };
}

/**
 * Rebuilds a log as somebody with a key can: renumbers its entries, adapts sizes and signs every checkpoint again.
 * Checkpoints keep their places; one is added at the end.
 */
export function rebuild(log: DraftLog, signer: NoteSigner): void {
  const frontier = Frontier.empty();
  const items: Item[] = [];
  let hasCheckpoint = false;
  const sign = () => {
    if (hasCheckpoint) return;
    const note = signer.note(formatCheckpoint({ origin: log.origin, size: frontier.size, root: frontier.root() }));
    items.push({ type: 'C', note });
    hasCheckpoint = true;
  };
  for (const item of log.items) {
    if (item.type === 'C') sign();
    else if (item.type === 'D') items.push({ ...item, index: frontier.size - 1n });
    else if (item.type === 'E') {
      items.push({ ...item, index: frontier.size });
      frontier.append([leafOf(item.frame)]);
      hasCheckpoint = false;
    }
  }
  log.size = frontier.size;
  if (log.size > 0n) sign();
  log.items = items;
}

const leaves = new WeakMap<Buffer, Uint8Array>();

/** Cached, because drafts of one bundle share frames. */
function leafOf(frame: Buffer): Uint8Array {
  const known = leaves.get(frame);
  if (known !== undefined) return known;
  const leaf = leafHash(frame);
  leaves.set(frame, leaf);
  return leaf;
}
