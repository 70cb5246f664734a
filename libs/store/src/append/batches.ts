import { createHash, type Hash } from 'node:crypto';
import type { Submission } from '@recant/ledger';
import { type DeadItem, type Item, type ItemOptions, refuseItem } from './item.ts';

/** What the events of one batch mean to each other. @param items of the submissions, in order */
export function judgeBatches(submissions: readonly Submission[], items: readonly Item[], options: ItemOptions): readonly Item[] {
  if (submissions.every(({ batch }) => batch === undefined)) return items;
  return joinLetters(submissions, refuseMixed(submissions, items, options), options);
}

/** Refuses the events whose home shard is not that of their batch's first event: a batch belongs to one log. */
function refuseMixed(submissions: readonly Submission[], items: readonly Item[], options: ItemOptions): readonly Item[] {
  const homes = new Map<symbol, number>();
  return items.map((item, n) => {
    const submission = submissions[n] as Submission;
    const { batch } = submission;
    const source = item.kind === 'event' ? item.event.source : item.kind === 'held' ? item.source : undefined;
    if (batch === undefined || source === undefined || item.kind === 'refused') return item;
    const home = homes.get(batch) ?? item.shard;
    homes.set(batch, home);
    if (item.shard === home) return item;
    const detail = `The home shard of source ${source} is ${item.shard}, that of the batch's first event is ${home}: send it in another batch.`;
    return refuseItem(submission, { code: 'shard_mismatch', detail }, options);
  });
}

interface Letters {
  /** Place of the first one. */
  readonly first: number;
  count: number;
  bytes: number;
  readonly digest: Hash;
}

/** Over their key's rate, the bad events of a batch are one dead letter: nothing else bounds what one message makes the ledger write. */
function joinLetters(submissions: readonly Submission[], items: readonly Item[], options: ItemOptions): readonly Item[] {
  const ofBatch = new Map<symbol, Letters>();
  for (const [n, item] of items.entries()) {
    const { batch, hold, bytes } = submissions[n] as Submission;
    if (batch === undefined || !hold || item.kind !== 'dead') continue;
    const letters = ofBatch.get(batch) ?? { first: n, count: 0, bytes: 0, digest: createHash('sha256') };
    letters.count += 1;
    letters.bytes += bytes.length;
    letters.digest.update(bytes);
    ofBatch.set(batch, letters);
  }
  if (ofBatch.size === 0) return items;
  return items.map((item, n) => {
    const submission = submissions[n] as Submission;
    const letters = submission.batch && submission.hold && item.kind === 'dead' ? ofBatch.get(submission.batch) : undefined;
    if (letters === undefined || letters.count === 1) return item;
    const { refusal } = item as DeadItem;
    if (letters.first !== n) return { kind: 'refused', refusal };
    return refuseItem(submission, { code: refusal.code, detail: `${describe(letters)} The first: ${refusal.detail}` }, options);
  });
}

function describe({ count, bytes, digest }: Letters): string {
  const all = `${count} events of this batch (${bytes} bytes, SHA-256 ${digest.digest('hex')} of their lines in order)`;
  return `${all} were refused, and are kept together because their key is over its rate; the broker has them until the topic's retention ends.`;
}
