import { partDigest } from '@recant/events';
import { requireSameShards } from '../bundle/manifest.ts';
import { createEventCheck } from '../facts/event-check.ts';
import { Keys } from '../keys.ts';
import { LedgerWalk, type VerifyOptions } from '../ledger-walk.ts';
import { BrokenRule } from '../rules.ts';
import { brokenVerdict, type Sound, type Verdict } from '../verdict.ts';
import type { Violation } from '../violation.ts';
import { MergeCursor } from './merge-cursor.ts';
import type { LedgerSnapshot, StoredEntry, StoredHead, StoredNote } from './ports.ts';
import { RowsCheck } from './rows-check.ts';

export interface LedgerOptions extends VerifyOptions {
  /** The ledger's name. Without it checkpoints are not verified: for a database that publishes none. */
  readonly ledger?: string;
  /** The ledger's keys as its operator states them; used where `keys` is not given. */
  readonly ownKeys?: readonly string[];
}

/** Verifies one tenant's ledger in its database: entries, checkpoints, projections, parts. Nothing stored beside an entry is trusted. */
export async function verifyLedger(tenant: string, snapshot: LedgerSnapshot, options: LedgerOptions): Promise<Verdict> {
  const keys = Keys.parse(options.keys ?? options.ownKeys ?? []);
  const verification: { walk?: LedgerWalk } = {};
  try {
    verification.walk = new LedgerWalk(options.ledger ?? '', tenant, keys, options);
    return await new LedgerVerification(verification.walk, snapshot, options).run();
  } catch (cause) {
    if (!(cause instanceof BrokenRule)) throw cause;
    return brokenVerdict((await verification.walk?.earliest(cause)) ?? cause);
  }
}

/** The last check of an integration test: the broken rule, or an empty list. Checkpoints are not verified. */
export async function auditTenant(tenant: string, snapshot: LedgerSnapshot): Promise<readonly Violation[]> {
  const verdict = await verifyLedger(tenant, snapshot, { events: createEventCheck() });
  if (verdict.sound) return [];
  const { rule: code, shard = 0, index, detail } = verdict;
  return [{ code, shard, ...(index === undefined ? {} : { index }), detail }];
}

class LedgerVerification {
  readonly #walk: LedgerWalk;
  readonly #snapshot: LedgerSnapshot;
  readonly #options: LedgerOptions;
  readonly #notes: MergeCursor<StoredNote & { readonly index: bigint }>;
  #head: StoredHead | undefined;

  constructor(walk: LedgerWalk, snapshot: LedgerSnapshot, options: LedgerOptions) {
    this.#walk = walk;
    this.#snapshot = snapshot;
    this.#options = options;
    this.#notes = new MergeCursor(options.ledger === undefined ? none() : placed(snapshot.checkpoints()));
  }

  async run(): Promise<Sound> {
    const heads = [...(await this.#snapshot.heads())];
    requireSameShards(heads);
    const rows = await RowsCheck.of(this.#snapshot, [...heads]);
    for await (const entry of this.#snapshot.entries()) {
      if (entry.shard !== this.#head?.shard) await this.#openUpTo(entry, heads);
      const frame = this.#walk.entry(entry.index, entry.frame, entry.leaf);
      await rows.entry(entry, frame);
      await this.#checkpoints(entry, this.#head as StoredHead);
      if (this.#walk.due) await this.#walk.settle();
    }
    await this.#openUpTo(undefined, heads);
    await rows.finish();
    await this.#notes.drain(strayNote);
    await this.#checkParts();
    const sound = await this.#walk.finish(true, this.#options.keys !== undefined);
    return rows.behind === 0 ? sound : { ...sound, unprojected: rows.behind };
  }

  /** Closes the open log and opens the entry's log; logs without entries between them are opened and closed. */
  async #openUpTo(entry: StoredEntry | undefined, heads: StoredHead[]): Promise<void> {
    for (;;) {
      if (this.#head !== undefined) await this.#walk.close(headOf(this.#head));
      this.#head = undefined;
      const next = heads[0];
      if (next === undefined || (entry !== undefined && next.shard > entry.shard)) break;
      heads.shift();
      this.#head = next;
      await this.#walk.open({ ...next, from: 0n, start: Buffer.alloc(0) });
      if (next.shard === entry?.shard) return;
    }
    if (entry !== undefined) throw new BrokenRule('size_mismatch', 'the log of this entry has no head', entry.shard, entry.index);
  }

  /** Checkpoints of an earlier epoch beyond the start of the next one were given up with that epoch; they are skipped. */
  async #checkpoints(entry: StoredEntry, head: StoredHead): Promise<void> {
    for (const { note, epoch } of await this.#notes.rowsAt(entry, strayNote)) {
      if (epoch >= this.#walk.epoch || epoch > head.epoch) this.#walk.checkpoint(note);
    }
  }

  async #checkParts(): Promise<void> {
    for await (const { digest, salt, bytes } of this.#snapshot.parts()) {
      if (partDigest(salt, bytes) !== digest)
        throw new BrokenRule('part_mismatch', `expected content with digest ${digest}, got another digest`);
    }
  }
}

function headOf({
  root,
  frontier,
  receivedAtLastMs,
  size,
}: StoredHead): { root: Uint8Array; frontier: Uint8Array; receivedAtLastMs: number } | undefined {
  return size === 0n ? undefined : { root, frontier, receivedAtLastMs };
}

function strayNote({ shard, size }: StoredNote): never {
  throw new BrokenRule('size_mismatch', `the ledger signed a checkpoint of ${size} entries; the log has fewer`, shard, size - 1n);
}

async function* placed(notes: AsyncIterable<StoredNote>): AsyncGenerator<StoredNote & { readonly index: bigint }> {
  for await (const note of notes) yield { ...note, index: note.size - 1n };
}

async function* none(): AsyncGenerator<never> {}
