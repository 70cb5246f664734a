import { createHash } from 'node:crypto';
import type { WarningRule } from '../rules.ts';
import { type Fact, readFact, runLast } from './fact.ts';

export interface JudgeOptions {
  /** Logs of which the beginning is not known: what is missing there may stand in it. */
  readonly partial: ReadonlySet<number>;
  warn(rule: WarningRule, place: Fact, detail: string): void;
  /** Called for each event that is recorded again. */
  duplicate(place: Fact, first: Fact): void;
}

/** Judges all facts of one key together. */
export function judgeGroup(facts: Buffer, offsets: readonly number[], options: JudgeOptions): void {
  const group = offsets.map((at) => readFact(facts, at));
  const [first] = group as [Fact];
  if (first.kind === 'run') judgeRuns(group, options);
  else judgeEvents(group, options);
}

function judgeEvents(group: readonly Fact[], options: JudgeOptions): void {
  const distinct = group.filter((fact, n) => {
    const before = group[n - 1];
    const again = before !== undefined && before.kind === fact.kind && before.n === fact.n;
    if (again) options.duplicate(fact, before);
    return !again;
  });
  const settled = distinct.find(({ kind }) => kind === 'settled');
  if (settled !== undefined && !options.partial.has(settled.shard)) judgeAttempt(settled, distinct, options);
}

function judgeAttempt(settled: Fact, group: readonly Fact[], { warn }: JudgeOptions): void {
  if (!group.some(({ kind }) => kind === 'intended')) warn('settlement_without_intent', settled, 'no intent of this attempt is recorded');
  const chunks = group.filter(({ kind }) => kind === 'effects');
  if (chunks.length !== settled.chunks || chunks.some(({ n }, at) => n !== at)) {
    warn('chunk_missing', settled, `${settled.chunks} chunks were reported, ${chunks.length} are recorded`);
    return;
  }
  const effects = chunks.reduce((sum, { count }) => sum + count, 0);
  const digest = createHash('sha256');
  for (const chunk of chunks) digest.update(chunk.digest);
  if (effects !== settled.count || !digest.digest().equals(settled.digest)) {
    warn('chunk_missing', settled, `${settled.count} effects were reported, the ${effects} that are recorded are others`);
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
