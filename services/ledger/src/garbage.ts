import { createHash, type Hash } from 'node:crypto';
import type { RefusalCode, Submission } from '@recant/ledger';
import { createRateLimits } from '@recant/service';

/** Dead letters of unidentified messages that a partition keeps one by one, per second; ten seconds' worth at once. */
const MESSAGES_PER_SECOND = 20;
const BYTES_PER_SECOND = 262_144;
/** Bytes of the first message in a dead letter that stands for several. */
const PREFIX_BYTES = 4_096;

/** Bounds what anybody with access to the broker can make the ledger store. */
export interface GarbageLimit {
  /** Replaces unidentified messages over the limit by one dead letter for each code, which names their offsets, number, size and digest. */
  keep(batch: readonly Submission[], partition: string): readonly Submission[];
}

interface Sum {
  readonly first: Submission;
  last: Submission;
  count: number;
  bytes: number;
  readonly digest: Hash;
}

/** @param clock milliseconds, monotonic */
export function createGarbageLimit(clock: () => number): GarbageLimit {
  const none = { requests: 0, events: 0, bytes: 0 };
  const limits = createRateLimits({ key: { requests: 0, events: MESSAGES_PER_SECOND, bytes: BYTES_PER_SECOND }, tenant: none }, clock);
  return {
    keep(batch, partition) {
      const kept: Submission[] = [];
      const sums = new Map<RefusalCode, Sum>();
      for (const each of batch) {
        const { credential, refused, bytes } = each;
        const payer = { tenant: '', id: partition, operator: true };
        if (credential !== undefined || refused === undefined || !limits.charge(payer, { events: 1, bytes: bytes.length })) {
          kept.push(each);
          continue;
        }
        const sum = sums.get(refused.code) ?? { first: each, last: each, count: 0, bytes: 0, digest: createHash('sha256') };
        Object.assign(sum, { last: each, count: sum.count + messagesOf(each), bytes: sum.bytes + bytes.length });
        sum.digest.update(bytes);
        sums.set(refused.code, sum);
      }
      return [...kept, ...Array.from(sums.values(), letterOf)];
    },
  };
}

function letterOf({ first, last, count, bytes, digest }: Sum): Submission {
  const { code, detail } = first.refused as NonNullable<Submission['refused']>;
  const place = first.origin.slice(0, first.origin.lastIndexOf('/'));
  const [from] = offsetsOf(first);
  const [, to] = offsetsOf(last);
  const all = `${count} messages at offsets ${from} to ${to} (${bytes} bytes, SHA-256 ${digest.digest('hex')} of their values in order)`;
  const why = `Unidentified messages beyond ${MESSAGES_PER_SECOND} a second are kept together; the broker has them until the topic's retention ends.`;
  return {
    credential: undefined,
    bytes: first.bytes.subarray(0, PREFIX_BYTES),
    origin: `${place}/${from}-${to}`,
    refused: { code, detail: `${all} were refused. The first: ${detail} ${why}` },
  };
}

/** A batch that cannot be decoded stands for all its messages. */
function messagesOf(submission: Submission): number {
  const [from, to] = offsetsOf(submission);
  return Number(BigInt(to) - BigInt(from)) + 1;
}

function offsetsOf({ origin }: Submission): readonly [string, string] {
  const offsets = origin.slice(origin.lastIndexOf('/') + 1).split('-');
  return [offsets[0] as string, offsets.at(-1) as string];
}
