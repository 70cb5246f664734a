import { hash } from 'node:crypto';
import type { WarningRule } from '../rules.ts';
import { chunkAt, chunksAt, countAt, digestAt, type Fact, isSameEvent, kindAt, readFact, runLast, shardAt } from './fact.ts';

export interface JudgeOptions {
  /** Logs of which the beginning is not known: what is missing there may stand in it. */
  readonly partial: ReadonlySet<number>;
  warn(rule: WarningRule, place: Fact, detail: string): void;
  /** Called for each event that is recorded again. */
  duplicate(place: Fact, first: Fact): void;
}

/** Judges all facts of one key together. */
export function judgeGroup(facts: Buffer, offsets: readonly number[], options: JudgeOptions): void {
  const first = offsets[0] as number;
  if (kindAt(facts, first) === 'run') {
    const runs = offsets.map((at) => readFact(facts, at));
    judgeRuns(runs, options);
    return;
  }
  const distinct = offsets.filter((at, n) => {
    const before = offsets[n - 1];
    if (before === undefined || !isSameEvent(facts, at, before)) return true;
    options.duplicate(readFact(facts, at), readFact(facts, before));
    return false;
  });
  const last = distinct[distinct.length - 1] as number;
  if (kindAt(facts, last) === 'settled' && !options.partial.has(shardAt(facts, last))) judgeAttempt(facts, distinct, last, options);
}

/** By kind, so the settlement is the last, and the intent the first. */
function judgeAttempt(facts: Buffer, offsets: readonly number[], last: number, { warn }: JudgeOptions): void {
  const hasIntent = kindAt(facts, offsets[0] as number) === 'intended';
  if (!hasIntent) warn('settlement_without_intent', readFact(facts, last), 'no intent of this attempt is recorded');
  const chunks = offsets.slice(hasIntent ? 1 : 0, -1);
  const reported = chunksAt(facts, last);
  if (chunks.length !== reported || chunks.some((at, n) => chunkAt(facts, at) !== n)) {
    warn('chunk_missing', readFact(facts, last), `${reported} chunks were reported, ${chunks.length} are recorded`);
    return;
  }
  const effects = chunks.reduce((sum, at) => sum + countAt(facts, at), 0);
  const digests = chunks.map((at) => digestAt(facts, at));
  const digest = hash('sha256', digests.length === 1 ? (digests[0] as Buffer) : Buffer.concat(digests), 'hex');
  if (effects !== countAt(facts, last) || digest !== digestAt(facts, last).toString('hex')) {
    const detail = `${countAt(facts, last)} effects were reported, the ${effects} that are recorded are others`;
    warn('chunk_missing', readFact(facts, last), detail);
  }
}

/** Numbers are dense from 1 in each source, so whatever lies between two runs never arrived. */
function judgeRuns(runs: readonly Fact[], { partial, warn }: JudgeOptions): void {
  const ordered = [...runs].sort((a, b) => a.count - b.count);
  let known = partial.has((ordered[0] as Fact).shard) ? (ordered[0] as Fact).count - 1 : 0;
  for (const run of ordered) {
    if (run.count > known + 1) warn('source_gap', run, `the sender’s numbers ${known + 1} to ${run.count - 1} are not recorded`);
    known = Math.max(known, runLast(run));
  }
}
