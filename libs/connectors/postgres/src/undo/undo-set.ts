import type { InverseResult } from '@recant/connector';
import { type Captured, capturedById } from './captured.ts';
import type { ChosenStep, StepSet } from './choose-set.ts';
import { readRowsExpecting } from './expected-rows.ts';
import type { RowGoal } from './goal.ts';
import { matchChanges } from './match-changes.ts';
import { mirrorChanges } from './mirror-changes.ts';
import { reachFindings, writesOutside } from './reach.ts';
import { isSqlError, underOwnPath, withPatience } from './session.ts';
import { type Active, literalInverse } from './statement.ts';
import { addressOf, isOfTransaction, type StepContext } from './step.ts';

/** How long one statement of a set may take: a step that hangs is then looked for in smaller sets. In milliseconds. */
const SET_STATEMENT_MS = 5_000;
/** Until `withPatience` sets it back. */
const SHORTER = `SELECT set_config('statement_timeout', coalesce(least(nullif(current_setting('recant.statement_ms')::int, 0), ${SET_STATEMENT_MS}), ${SET_STATEMENT_MS})::text, true)`;

/** Why nothing of a set was written. `capture`: the target did more than was planned, or something else. */
export interface SetRefusal {
  readonly refused: 'capture' | 'locked' | 'timeout' | 'error';
  readonly error?: unknown;
}

class SetRefused extends Error {}

/**
 * All steps of a set under one savepoint: locked already, written by one statement for each layer, captured row by row as planned, read back and marked, or not at all.
 * The end of each step, and what the target keeps of it, is the same as if it had been undone by itself.
 */
export async function undoSet(context: StepContext, set: StepSet): Promise<readonly InverseResult[] | SetRefusal> {
  const { client, signal } = context;
  await client.query('SAVEPOINT recant_set');
  try {
    const results = await writeSet(context, set);
    await client.query('RELEASE SAVEPOINT recant_set');
    return results;
  } catch (error) {
    if (isOfTransaction(error) || signal?.aborted) throw error;
    // Fails where the connection is gone: then nothing is known about the set.
    await client.query('ROLLBACK TO SAVEPOINT recant_set; RELEASE SAVEPOINT recant_set');
    if (error instanceof SetRefused) return { refused: 'capture' };
    const code = isSqlError(error) ? error.code : '';
    return { refused: code === '55P03' ? 'locked' : code === '57014' ? 'timeout' : 'error', error };
  }
}

async function writeSet(context: StepContext, set: StepSet): Promise<readonly InverseResult[]> {
  const writing = set.chosen.filter(({ active }) => active.size > 0);
  const inverses = new Map<ChosenStep, string>();
  const effects = new Map<ChosenStep, readonly Captured[]>();
  if (writing.length > 0) {
    const ids = await nameInverses(context, writing);
    for (const [index, one] of writing.entries()) inverses.set(one, ids[index] as string);
    for (const [one, own] of await writeAll(context, set, writing, ids)) effects.set(one, own);
  }
  const results = set.chosen.map((one) => ({ ...one.result, effects: (effects.get(one) ?? []).map(({ effect }) => effect) }));
  await markAll(context, set.chosen, inverses);
  return results;
}

/** @returns what each step changed, recorded as its own */
async function writeAll(context: StepContext, set: StepSet, writing: readonly ChosenStep[], ids: readonly string[]) {
  const { client, registry } = context;
  const reachBefore = await writesOutside(client);
  await client.query(SHORTER);
  await underOwnPath(client, async () => {
    const texts = layersOf(writing).map((layer) => literalInverse(registry, layer));
    await client.query([...texts, 'SET CONSTRAINTS ALL IMMEDIATE', 'SET CONSTRAINTS ALL DEFERRED'].join(';\n'));
  });
  const [first] = writing as [ChosenStep];
  if ((await reachFindings(client, reachBefore, addressOf(first.step))).length > 0) throw new SetRefused('reaches uncaptured');
  await withPatience(client, 'SELECT recant.absorb()');
  const matched = await readChanges(context, writing, ids[0] as string);
  if (matched === undefined) throw new SetRefused('side effects');
  await readBack(context, set, writing);
  await giveChanges(context, writing, ids, matched);
  return matched;
}

/** What the target captured as the first step's inverse, each change given to the step that made it. */
async function readChanges({ client, registry }: StepContext, writing: readonly ChosenStep[], inverse: string) {
  const mirrored = await mirrorChanges(client, registry, writing, inverse);
  return mirrored ?? matchChanges(registry, writing, await capturedById(client, registry.system, inverse));
}

/** Each step after those that wrote one of its rows before, so that a statement writes a row once. */
function layersOf(writing: readonly ChosenStep[]): ReadonlyMap<string, Active>[] {
  const layers: Map<string, Active>[] = [];
  const written = new Map<string, number>();
  for (const { active } of writing) {
    const at = Math.max(...[...active.keys()].map((resource) => written.get(resource) ?? 0));
    let layer = layers[at];
    if (layer === undefined) {
      layer = new Map();
      layers.push(layer);
    }
    for (const [resource, row] of active) {
      layer.set(resource, row);
      written.set(resource, at + 1);
    }
  }
  return layers;
}

/** Every part that a step of the set puts back is what the last one of them left. */
async function readBack({ client, registry }: StepContext, { after }: StepSet, writing: readonly ChosenStep[]): Promise<void> {
  const goals = writing.map(({ goal }) => goal);
  const live = await readRowsExpecting(client, registry, goals, 'back');
  for (const { rows } of goals)
    for (const { resource, parts } of rows.values()) {
      if (!after.has(resource)) continue;
      const [expected, found] = [after.get(resource), live.get(resource)];
      if ((expected === undefined) !== (found === undefined)) throw new SetRefused('read-back');
      for (const part of parts.keys()) if ((found?.get(part) ?? null) !== (expected?.get(part) ?? null)) throw new SetRefused('read-back');
    }
}

/** From here on this transaction's changes are captured as the first step's inverse. @returns ids of the inverses, in order */
async function nameInverses({ client, run }: StepContext, writing: readonly ChosenStep[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ ids: (string | null)[] }>('SELECT recant.name_inverses($1, $2, $3, $4, $5)::text[] AS ids', [
    writing.map(({ step }) => step.attempt.source),
    writing.map(({ step }) => step.attempt.action),
    writing.map(({ step }) => step.attempt.attempt),
    run,
    writing.map(({ step }) => step.step),
  ]);
  const ids = rows[0]?.ids ?? [];
  if (ids.length !== writing.length || ids.includes(null)) throw new SetRefused('an attempt belongs to another login');
  return ids as string[];
}

async function giveChanges(
  { client }: StepContext,
  writing: readonly ChosenStep[],
  ids: readonly string[],
  matched: ReadonlyMap<ChosenStep, readonly Captured[]>,
): Promise<void> {
  const given = writing.flatMap((one, index) => (matched.get(one) ?? []).map(({ ordinal }) => [ordinal, ids[index] as string] as const));
  const { rows } = await client.query<{ left: string }>('SELECT recant.give_changes($1, $2, $3)::text AS left', [
    ids[0],
    given.map(([ordinal]) => ordinal),
    given.map(([, attempt]) => attempt),
  ]);
  if (rows[0]?.left !== '0') throw new SetRefused('changes of nobody');
}

async function markAll(
  { client, run, token, later }: StepContext,
  chosen: readonly ChosenStep[],
  inverses: ReadonlyMap<ChosenStep, string>,
) {
  const marked = chosen.filter(({ goal }) => goal.rows.size > 0);
  const undoes = marked.map(({ step, goal }) => (step.leaves === undefined ? attemptOf(goal.rows) : NO_ATTEMPT));
  await client.query('SELECT recant.mark_all_applied($1, $2, $3, $4, $5, $6)', [
    run,
    token,
    marked.map(({ step }) => step.step),
    marked.map((one) => inverses.get(one) ?? null),
    undoes,
    marked.map(({ result }) => JSON.stringify(result)),
  ]);
  for (const attempt of undoes) if (attempt !== NO_ATTEMPT) later.takenBack.add(attempt);
}

/** Id of no attempt. */
const NO_ATTEMPT = '0';
const attemptOf = (rows: ReadonlyMap<string, RowGoal>): string => [...rows.values()][0]?.first.attempt ?? NO_ATTEMPT;
