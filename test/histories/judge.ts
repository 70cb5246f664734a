import type { InverseResult } from '@recant/connector';
import { waitUntil } from '@recant/test-support';
import { rehearseByConnector, undoByConnector } from './by-connector.ts';
import { compare, type Expected, expect, orderOf } from './oracle.ts';
import { type History, play } from './play.ts';
import { effectsBetween, readRows } from './record.ts';
import { drawScript, type Kind } from './script.ts';
import { makeTarget, type Target, type Template } from './target.ts';

export interface Outcome {
  readonly seed: number;
  readonly kind: Kind;
  readonly mode: 'skip' | 'refuse';
  /** Nothing selected, everything restored, some steps, none. */
  readonly end: string;
  readonly mismatches: readonly string[];
}

/** Plays one history, undoes its selection in both modes, and compares. */
export async function judge(template: Template, seed: number): Promise<readonly Outcome[]> {
  const target = await makeTarget(template);
  try {
    return await undo(target, await play(drawScript(seed), target));
  } finally {
    await target.drop();
  }
}

async function undo(target: Target, history: History): Promise<readonly Outcome[]> {
  const { seed, kind, selected } = history.script;
  const waiting = new Set(history.waiting.map(({ attempt }) => attempt));
  const order = orderOf(
    history,
    selected.map(({ agent, attempt }) => `${agent}/${attempt}`).filter((attempt) => !waiting.has(attempt)),
  );
  const expected = expect(history, order);
  // What transactions that are still open would change, nobody can ask.
  const refused = history.waiting.length > 0 ? undefined : await refuse(target, history, order, expected);
  const results = await settleWaiting(target, history, undoByConnector(target, order));
  const cells = compare(expected, await readRows(target.owner, history.names)).map(
    ({ cell, expected: wanted, found }) => `${cell}: expected ${wanted}, got ${found}`,
  );
  const end = endOf(expected.verdicts.map(({ outcome }) => outcome));
  const skip: Outcome = { seed, kind, mode: 'skip', end, mismatches: [...cells, ...compareOutcomes(expected, results)] };
  if (refused === undefined) return [skip];
  // Without a conflict both modes do the same.
  const isRefused = expected.verdicts.some(({ outcome }) => outcome === 'conflicted');
  return [
    skip,
    { ...skip, mode: 'refuse', end: isRefused ? 'refused' : end, mismatches: isRefused ? refused : [...refused, ...skip.mismatches] },
  ];
}

/**
 * Mode `refuse` asks the target before its first write: it names exactly the steps that conflict, and changes nothing.
 */
async function refuse(target: Target, history: History, order: readonly string[], expected: Expected): Promise<string[]> {
  const before = await readRows(target.owner, history.names);
  const rehearsed = await rehearseByConnector(target, order);
  const after = await readRows(target.owner, history.names);
  const changed = effectsBetween(before, after).map(({ row }) => `${row}: changed by a rehearsal`);
  return [...changed, ...compareOutcomes(expected, rehearsed)];
}

function compareOutcomes({ verdicts }: Expected, results: readonly InverseResult[]): string[] {
  return verdicts.flatMap(({ attempt, outcome: wanted, because }, index) => {
    const { outcome, findings = [] } = results[index] ?? {};
    if (outcome === wanted) return [];
    const found = findings.map(({ code, resource, part, detail }) => `${code} ${resource} ${part} ${detail}`).join('; ');
    return [`attempt ${attempt}: expected ${wanted} (${because.join('; ')}), got ${outcome} (${found})`];
  });
}

/** Transactions that are open at the undo are committed once it waits for them, or after it. */
async function settleWaiting<T>(target: Target, history: History, undone: Promise<T>): Promise<T> {
  if (history.waiting.length === 0) return undone;
  let ended = false;
  const end = () => {
    ended = true;
  };
  undone.then(end, end);
  await waitUntil(async () => {
    if (ended) return true;
    const { rows } = await target.owner.query(
      `SELECT FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = 'recant')`,
    );
    return rows.length > 0;
  });
  await history.finish();
  return undone;
}

function endOf(outcomes: readonly string[]): string {
  const conflicted = outcomes.filter((outcome) => outcome === 'conflicted').length;
  if (outcomes.length === 0) return 'nothing selected';
  if (conflicted === 0) return outcomes.includes('restored') ? 'restored' : 'already undone';
  return conflicted === outcomes.length ? 'all conflicted' : 'partly restored';
}
