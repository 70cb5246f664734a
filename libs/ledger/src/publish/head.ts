import { OPERATOR_TENANT } from '@recant/events';
import {
  buildHeadsTree,
  encodeHeadRecord,
  Frontier,
  formatTenantHeads,
  type HeadsPath,
  headsWidth,
  type LogHead,
  leafHash,
  type PlacedHeads,
  parseCheckpoint,
  parseNote,
} from '@recant/transparency';
import { same } from './check-head.ts';
import { headOriginOf } from './origin.ts';
import { type Anchor, AnchorError, type Signer } from './ports.ts';
import { signCheckpoint } from './sign-checkpoint.ts';

/** Publication n of an epoch of the head log, whose entry n it is. */
export interface StoredHead {
  readonly epoch: number;
  readonly publication: bigint;
  readonly width: number;
  /** Of the tree over all tenants. */
  readonly root: Uint8Array;
  /** Inclusion path from the record's leaf to the root that `note` signs. */
  readonly recordPath: readonly Uint8Array[];
  readonly signedAtMs: number;
  readonly note: Uint8Array;
}

/** The part of a head for one tenant. */
export interface HeadMember extends HeadsPath {
  readonly tenant: string;
  /** Text of the tenant's commitment. */
  readonly heads: string;
}

export interface TenantLogs {
  readonly tenant: string;
  /** Undefined until one is assigned. */
  readonly slot: number | undefined;
  /** The newest checkpoint of each log. */
  readonly logs: readonly LogHead[];
}

/** One transaction under one lock for the whole ledger; a crash before its end leaves nothing. */
export interface OpenHeads {
  /** 32 bytes, the same on every replica; salts and padding are derived from it. */
  readonly secret: Uint8Array;
  last(): Promise<StoredHead | undefined>;
  at(epoch: number, publication: bigint): Promise<StoredHead | undefined>;
  /** Milliseconds since 1970, UTC, of the newest checkpoint of any log; undefined where there is none. */
  newestCheckpointMs(): Promise<number | undefined>;
  /** Whether a person opened an epoch of any log after this time. */
  epochOpenedAfter(ms: number): Promise<boolean>;
  tenants(): Promise<readonly TenantLogs[]>;
  put(head: StoredHead, slots: ReadonlyMap<string, number>, members: readonly HeadMember[]): Promise<void>;
}

export interface HeadStore {
  /** @returns undefined where another replica has the lock. */
  exclusively<T>(work: (heads: OpenHeads) => Promise<T>): Promise<T | undefined>;
}

export interface HeadContext {
  readonly ledger: string;
  readonly signers: readonly Signer[];
  readonly anchors: readonly Anchor[];
  /** Milliseconds since 1970, UTC. */
  readonly nowMs: number;
  /** Random whole number from 0 to `below` - 1. */
  readonly random: (below: number) => number;
}

/**
 * Signs a head over the logs of all tenants at every call, so that the number of heads reveals no activity or existence of other tenants. A ledger with
 * only the operator's tenant skips heads without changes.
 * @returns the newest head
 * @throws AnchorError `anchor_conflict` where an anchor has heads that this ledger lacks, and no epoch was opened since
 */
export async function publishHead(heads: OpenHeads, context: HeadContext): Promise<StoredHead | undefined> {
  const last = await heads.last();
  const newestMs = await heads.newestCheckpointMs();
  if (newestMs === undefined) return last;
  const tenants = await heads.tenants();
  if (last !== undefined && newestMs <= last.signedAtMs && tenants.every(({ tenant }) => tenant === OPERATOR_TENANT)) return last;
  const epoch = await epochOf(heads, last, context);
  const before = last?.epoch === epoch ? last : undefined;
  const publication = before === undefined ? 0n : before.publication + 1n;
  const width = headsWidth(tenants.length, before?.width);
  const { placed, slots } = place(tenants, width, context.random);
  const tree = buildHeadsTree(publication, width, placed, heads.secret);
  const frontier = frontierAfter(before);
  const recordPath = hashesOf(frontier).toReversed();
  frontier.append([leafHash(encodeHeadRecord({ publication, width, root: tree.root }))]);
  const note = await signCheckpoint(
    headOriginOf(context.ledger, epoch),
    { size: publication + 1n, root: frontier.root() },
    context.signers,
  );
  const head: StoredHead = { epoch, publication, width, root: tree.root, recordPath, signedAtMs: context.nowMs, note };
  const members = placed.map(({ tenant, logs }) => ({ tenant, heads: formatTenantHeads({ tenant, logs }), ...tree.pathOf(tenant) }));
  await heads.put(head, slots, members);
  return head;
}

/** Epoch of the next head: the last one, or the next one where an anchor has more heads than this database and a person opened an epoch. */
async function epochOf(heads: OpenHeads, last: StoredHead | undefined, { ledger, anchors }: HeadContext): Promise<number> {
  for (let epoch = last?.epoch ?? 1; ; epoch += 1) {
    const origin = headOriginOf(ledger, epoch);
    const saved = await Promise.all(anchors.map(async (anchor) => ({ anchor, note: await anchor.latest(origin) })));
    const ahead = await firstAhead(heads, epoch, last, saved);
    if (ahead === undefined) return epoch;
    if (!(await heads.epochOpenedAfter(last?.signedAtMs ?? 0)))
      throw new AnchorError(
        'anchor_conflict',
        `The anchor ${ahead} has a head of ${origin} that this ledger lacks: the database was restored from an older copy. Open an epoch of the affected logs (\`recant epoch open\`).`,
      );
  }
}

async function firstAhead(
  heads: OpenHeads,
  epoch: number,
  last: StoredHead | undefined,
  saved: readonly { readonly anchor: Anchor; readonly note: Uint8Array | undefined }[],
): Promise<string | undefined> {
  for (const { anchor, note } of saved) {
    if (note === undefined) continue;
    const { size, root } = parseCheckpoint(parseNote(note).text);
    const own = size === 0n || last?.epoch !== epoch ? undefined : await heads.at(epoch, size - 1n);
    if (own === undefined || !same(parseCheckpoint(parseNote(own.note).text).root, root)) return anchor.name;
  }
  return undefined;
}

/** The inclusion path of the last leaf is the frontier before it, smallest subtree first. */
function frontierAfter(before: StoredHead | undefined): Frontier {
  if (before === undefined) return Frontier.empty();
  const frontier = Frontier.parse(before.publication, Buffer.concat(before.recordPath.toReversed()));
  const { publication, width, root } = before;
  frontier.append([leafHash(encodeHeadRecord({ publication, width, root }))]);
  return frontier;
}

const HASH_BYTES = 32;

function hashesOf(frontier: Frontier): Uint8Array[] {
  const bytes = frontier.serialize();
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/** Each tenant gets a random slot once, so that a slot reveals nothing about the order of arrival. */
function place(
  tenants: readonly TenantLogs[],
  width: number,
  random: (below: number) => number,
): { placed: readonly PlacedHeads[]; slots: ReadonlyMap<string, number> } {
  const taken = new Set(tenants.map(({ slot }) => slot));
  const slots = new Map<string, number>();
  const placed = tenants.map(({ tenant, slot: given, logs }) => {
    let slot = given ?? random(width);
    while (given === undefined && taken.has(slot)) slot = random(width);
    taken.add(slot);
    if (given === undefined) slots.set(tenant, slot);
    return { tenant, slot, logs };
  });
  return { placed, slots };
}
