import { hash } from 'node:crypto';
import type { WarningRule } from '../rules.ts';
import { chunkAt, chunksAt, countAt, digestAt, type Fact, isSameEvent, kindAt, rangeLast, readFact, shardAt } from './fact.ts';

export interface GroupCheckOptions {
  /** Shards whose log does not start at its first entry; missing events may precede it. */
  readonly partial: ReadonlySet<number>;
  warn(rule: WarningRule, place: Fact, detail: string): void;
  /** Called for each duplicate. */
  duplicate(place: Fact, first: Fact): void;
}

/** Checks all facts of one key together. */
export function checkGroup(facts: Buffer, offsets: readonly number[], options: GroupCheckOptions): void {
  const first = offsets[0] as number;
  if (kindAt(facts, first) === 'range') {
    const ranges = offsets.map((at) => readFact(facts, at));
    checkRanges(ranges, options);
    return;
  }
  const distinct = offsets.filter((at, n) => {
    const before = offsets[n - 1];
    if (before === undefined || !isSameEvent(facts, at, before)) return true;
    options.duplicate(readFact(facts, at), readFact(facts, before));
    return false;
  });
  const last = distinct[distinct.length - 1] as number;
  if (options.partial.has(shardAt(facts, last))) return;
  if (kindAt(facts, last) === 'settled') checkAttempt(facts, distinct, last, options);
  if (kindAt(facts, last) === 'observed') checkTransaction(facts, distinct, last, options);
}

/** Facts of one kind are ordered by chunk. */
function checkTransaction(facts: Buffer, offsets: readonly number[], last: number, { warn }: GroupCheckOptions): void {
  const reported = chunksAt(facts, last);
  if (offsets.length !== reported || offsets.some((at, n) => chunkAt(facts, at) !== n))
    warn('chunk_missing', readFact(facts, last), `expected ${reported} chunks of the transaction, got ${offsets.length}`);
}

/** Facts are ordered by kind: the intent comes first, the settlement last. */
function checkAttempt(facts: Buffer, offsets: readonly number[], last: number, { warn }: GroupCheckOptions): void {
  const hasIntent = kindAt(facts, offsets[0] as number) === 'intended';
  if (!hasIntent) warn('settlement_without_intent', readFact(facts, last), 'this attempt has no recorded intent');
  const chunks = offsets.slice(hasIntent ? 1 : 0, -1);
  const reported = chunksAt(facts, last);
  if (chunks.length !== reported || chunks.some((at, n) => chunkAt(facts, at) !== n)) {
    warn('chunk_missing', readFact(facts, last), `expected ${reported} chunks, got ${chunks.length}`);
    return;
  }
  const effects = chunks.reduce((sum, at) => sum + countAt(facts, at), 0);
  const digests = chunks.map((at) => digestAt(facts, at));
  const digest = hash('sha256', digests.length === 1 ? (digests[0] as Buffer) : Buffer.concat(digests), 'hex');
  if (effects !== countAt(facts, last) || digest !== digestAt(facts, last).toString('hex')) {
    const detail = `the ${effects} recorded effects do not match the settlement, which reports ${countAt(facts, last)} (count and digest)`;
    warn('chunk_missing', readFact(facts, last), detail);
  }
}

/** Each source numbers its events from 1 without gaps, so numbers between two ranges never arrived. */
function checkRanges(ranges: readonly Fact[], { partial, warn }: GroupCheckOptions): void {
  const ordered = [...ranges].sort((a, b) => a.count - b.count);
  let known = partial.has((ordered[0] as Fact).shard) ? (ordered[0] as Fact).count - 1 : 0;
  for (const range of ordered) {
    if (range.count > known + 1) warn('source_gap', range, `sequence numbers ${known + 1} to ${range.count - 1} of the source are missing`);
    known = Math.max(known, rangeLast(range));
  }
}
