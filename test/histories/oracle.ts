/**
 * What the target has to allow of an undo, step by step, computed from what was recorded while the history ran. Imports no product code. Rules:
 *
 * 1. A row's parts are `exists` and its columns. Insert, delete and a changed key write all of them; an update writes the columns whose value
 *    changed, or all of them where none changed.
 * 2. A part goes back to what it was before the attempt's first write of it. A part that is so already needs no write and conflicts with nobody.
 * 3. A part that has to be written and that somebody whose work stays wrote after the attempt's first write of it is a conflict of the step.
 *    So is one that is not as the attempt left it, a row that goes while somebody else wrote any part of it, and a row of the attempt's that somebody
 *    gave another key.
 * 4. A step conflicts where the rows that it leaves would break a reference or a unique column, where a trigger would write something beyond
 *    the step (captured or not), and where a column that it wrote was dropped or retyped.
 * 5. Derived columns are no parts; a row that comes back has their old value.
 * 6. A step is undone whole or not at all.
 * 7. What is known only once a step was tried is no conflict of a plan while an open transaction has one of its rows.
 * 8. A step conflicts where the capture lost changes of one of its tables after the step's first change of a row there, unless a person accepted that.
 * 9. A unique value that is in the way of one step and that a later step of the plan gives up may be free already, if both are undone together, or not: either is right.
 * 10. In mode `force` a step may overwrite what a captured write of somebody else left in a part, if a person has seen that write, the row is there or comes back,
 *    and the attempt did not change its key. Its other conflicts stay.
 */

import { EXISTS, isDerived, isRestorable, isWhole, partsOf } from './parts.ts';
import type { Altered, History, Ordered, Recorded } from './play.ts';
import type { Cells, Row, Rows } from './record.ts';
import { TABLES, type TableModel, tableOf } from './schema.ts';

/** How the reason of such a conflict ends. */
export const NOT_UNIQUE = 'would not be unique';
export type Value = string | null | undefined;

/** What a step comes to, and the rules that require a conflict. */
export interface StepEnd {
  readonly outcome: 'restored' | 'already_undone' | 'conflicted';
  readonly because: readonly string[];
  /** Mode `force`: the later values of others that it overwrites. */
  readonly overwrites?: Overwrites;
}

/** By row and part: the value, and the last write that somebody else made of it. */
export type Overwrites = ReadonlyMap<string, { readonly value: Value; readonly at: number }>;
const NOTHING: Overwrites = new Map();

/** The database, who wrote what, and what is undone so far. */
export interface World {
  readonly rows: Map<string, Map<string, string | null>>;
  readonly writes: readonly { readonly attempt: string | undefined; readonly effect: Ordered }[];
  readonly undone: Set<string>;
  derived: Map<string, ReadonlyMap<string, Value>>;
  readonly altered: readonly Altered[];
  /** Losses of the capture that nobody accepted. */
  readonly holes: History['holes'];
  /** Rows that transactions have which are still open: no step on them can be tried before they end. */
  readonly held: Set<string>;
  /** Parts by row that such steps would write: no step that follows them there can be tried. */
  readonly untried: Map<string, Set<string>>;
}

/**
 * @param waits whether transactions that are open at the undo have committed. No step covers what they wrote, whosever it is: the plan was made before.
 */
export function worldOf(history: History, waits: boolean): World {
  const late = history.waiting.map((recorded) => ({ ...recorded, attempt: undefined }));
  const transactions: readonly Recorded[] = waits ? [...history.committed, ...late] : history.committed;
  const writes = transactions
    .flatMap(({ attempt, effects }) => effects.map((effect) => ({ attempt, effect })))
    .sort((a, b) => a.effect.at - b.effect.at);
  const rows = waits ? withWaiting(history) : history.end;
  return {
    rows: new Map([...rows].map(([key, { cells }]) => [key, new Map(cells)])),
    writes,
    undone: new Set(),
    derived: new Map(),
    altered: history.altered,
    holes: history.script.accepts ? [] : history.holes,
    held: new Set(waits ? [] : history.waiting.flatMap(({ effects }) => effects.map(({ row }) => row))),
    untried: new Map(),
  };
}

/** Transactions that are still open at the undo come first where they are in its way, and make no difference where they are not. */
function withWaiting({ end, waiting }: History): Rows {
  const rows = new Map<string, Row>(end);
  for (const { row, table, before, after, written } of waiting.flatMap(({ effects }) => effects)) {
    if (after === undefined) rows.delete(row);
    else if (before === undefined) rows.set(row, { table, version: '', cells: after });
    else
      rows.set(row, {
        table,
        version: '',
        cells: new Map([...(rows.get(row)?.cells ?? before), ...[...written].map((name) => [name, after.get(name) ?? null] as const)]),
      });
  }
  return rows;
}

interface Goal {
  readonly table: TableModel;
  readonly before: Map<string, Value>;
  readonly first: Map<string, number>;
  /** As the attempt left it. */
  readonly last: Map<string, Value>;
  /** Derived columns before the attempt's first change of them. Undefined: somebody else changed them in between. */
  readonly derived: Map<string, Value>;
  /** Image of the row when the attempt removed it, or undefined. */
  image: Cells | undefined;
}

function goalsOf(world: World, attempt: string): Map<string, Goal> {
  const goals = new Map<string, Goal>();
  for (const { effect } of world.writes.filter((write) => write.attempt === attempt)) {
    if (!isRestorable(effect)) continue;
    const table = tableOf(effect.table);
    const goal: Goal = goals.get(effect.row) ?? {
      table,
      before: new Map(),
      first: new Map(),
      last: new Map(),
      derived: new Map(),
      image: undefined,
    };
    if (effect.after === undefined) goal.image ??= effect.before;
    for (const column of effect.written) {
      if (!isDerived(table, column) || goal.derived.has(column)) continue;
      const others = strangers(world, attempt).some(
        ({ effect: other }) => other.row === effect.row && other.at > effect.at && other.written.has(column),
      );
      goal.derived.set(column, others ? undefined : effect.before?.get(column));
    }
    for (const part of partsOf(effect)) {
      goal.last.set(part, valueIn(effect.after, part));
      if (goal.before.has(part)) continue;
      goal.before.set(part, valueIn(effect.before, part));
      goal.first.set(part, effect.at);
    }
    goals.set(effect.row, goal);
  }
  return goals;
}

const valueIn = (cells: Cells | undefined, part: string): Value =>
  cells === undefined ? undefined : part === EXISTS ? '' : cells.get(part);

/**
 * One step, where nothing forbids it or where it was `forced`; the world is then as it leaves it.
 * @param seen mode `force` (rule 10): what the plan says that the step overwrites; `any`: the plan is being made
 */
export function undoStep(world: World, attempt: string, forced = false, seen: Overwrites | 'any' = NOTHING): StepEnd {
  const because = new Set<string>();
  const after = new Map(world.rows);
  let writes = 0;
  const overwrites = new Map<string, { value: Value; at: number }>();
  const changed: { row: string; goal: Goal; old: Cells | undefined; now: Cells | undefined }[] = [];
  const derived = new Map<string, ReadonlyMap<string, Value>>();
  for (const [row, goal] of goalsOf(world, attempt)) {
    const live = world.rows.get(row);
    const active = [...goal.before]
      .filter(([part, before]) => !isAt(live, part, before) && !isGone(world, goal, part))
      .map(([part]) => part);
    for (const { table, at } of world.holes)
      if (table === goal.table.name && at > Math.min(...goal.first.values())) because.add(`changes of ${table} were not captured`);
    const isPast = (part: string): boolean => {
      const later = overwritable(world, attempt, row, goal, part);
      const known = seen === 'any' ? later : seen.get(`${row} ${part}`);
      if (later === undefined || known === undefined || known.value !== later.value || known.at < later.at) return false;
      overwrites.set(`${row} ${part}`, later);
      return true;
    };
    const changedSince = active.filter((part) => !isAt(live, part, goal.last.get(part)));
    const writtenLater = active.filter((part) => hasStranger(world, attempt, row, goal, part));
    for (const part of changedSince) if (!isPast(part)) because.add(`${row} ${part} is not as the attempt left it`);
    for (const part of writtenLater) if (!isPast(part)) because.add(`later write of ${row} ${part}`);
    if (wasMoved(world, attempt, row, goal)) because.add(`${row} lives on under another key`);
    for (const reason of obstacles(world, goal, live)) because.add(reason);
    if (active.length === 0) continue;
    writes += 1;
    if (live === undefined) derived.set(row, goal.derived);
    const now = restored(world, goal, live, active);
    if (now === undefined) after.delete(row);
    else after.set(row, now);
    if (now === undefined && hasStrangerAnywhere(world, attempt, row, goal) && !isPast(EXISTS))
      because.add(`later write of ${row}, which goes`);
    changed.push({ row, goal, old: live, now });
  }
  for (const reason of byTrying(world, attempt, after, changed)) because.add(reason);
  if (because.size > 0 && !forced) return { outcome: 'conflicted', because: [...because] };
  if (writes > 0) world.derived = derived;
  world.rows.clear();
  for (const [row, cells] of after) world.rows.set(row, cells);
  world.undone.add(attempt);
  return { outcome: writes === 0 ? 'already_undone' : 'restored', because: [], ...(overwrites.size > 0 && { overwrites }) };
}

/** Rule 10. Undefined: nothing of it may be overwritten. */
function overwritable(world: World, attempt: string, row: string, goal: Goal, part: string): { value: Value; at: number } | undefined {
  const comesBack = goal.before.get(EXISTS) !== undefined;
  if (!world.rows.has(row) && !comesBack) return undefined;
  const own = world.writes.filter((write) => write.attempt === attempt).map(({ effect }) => effect);
  const isMoved = own.some(
    (effect) =>
      effect.row === row &&
      (effect.moved ||
        own.some((from) => from.moved && from.at === effect.at && from.table === effect.table && effect.before === undefined)),
  );
  if (isMoved) return undefined;
  const goes = part === EXISTS && goal.before.get(EXISTS) === undefined;
  const first = goal.first.get(part) ?? 0;
  const last = strangers(world, attempt).findLast(({ effect }) => {
    if (effect.row !== row || effect.at <= first) return false;
    return isWhole(effect) || (goes ? partsOf(effect).length > 0 : effect.written.has(part));
  });
  return last && { value: valueIn(world.rows.get(row), part), at: last.effect.at };
}

/** Every part that the attempt wrote is as it was before, and no row that it made lives on under another key. */
export function isInPlace(world: World, attempt: string): boolean {
  return [...goalsOf(world, attempt)].every(
    ([row, goal]) =>
      !wasMoved(world, attempt, row, goal) && [...goal.before].every(([part, before]) => isAt(world.rows.get(row), part, before)),
  );
}

function isAt(live: Cells | undefined, part: string, before: Value): boolean {
  if (live === undefined || before === undefined) return live === undefined && before === undefined;
  return part === EXISTS || live.get(part) === before;
}

const strangers = (world: World, attempt: string) =>
  world.writes.filter(
    (write) => !write.effect.lost && write.attempt !== attempt && (write.attempt === undefined || !world.undone.has(write.attempt)),
  );

function hasStranger(world: World, attempt: string, row: string, goal: Goal, part: string): boolean {
  const first = goal.first.get(part) ?? 0;
  return strangers(world, attempt).some(({ effect }) => {
    if (effect.row !== row || effect.at <= first) return false;
    return isWhole(effect) || effect.written.has(part);
  });
}

/** Derived columns that the target changed on a row do not hold it back. */
function hasStrangerAnywhere(world: World, attempt: string, row: string, goal: Goal): boolean {
  const first = Math.min(...goal.first.values());
  return strangers(world, attempt).some(
    ({ effect }) => effect.row === row && effect.at > first && [...effect.written].some((column) => !isDerived(goal.table, column)),
  );
}

/** A statement of somebody else removed the attempt's row and made another one from it. */
function wasMoved(world: World, attempt: string, row: string, goal: Goal): boolean {
  if (!goal.before.has(EXISTS) || goal.before.get(EXISTS) !== undefined || world.rows.has(row)) return false;
  const last = world.writes.findLast(({ effect }) => effect.row === row && effect.after === undefined);
  return last !== undefined && last.attempt !== attempt && !world.undone.has(last.attempt ?? '') && last.effect.moved === true;
}

function restored(world: World, goal: Goal, live: Cells | undefined, active: readonly string[]): Map<string, string | null> | undefined {
  if (goal.before.has(EXISTS) && goal.before.get(EXISTS) === undefined) return undefined;
  if (live !== undefined)
    return new Map([...live, ...active.filter((part) => live.has(part)).map((part) => [part, goal.before.get(part) ?? null] as const)]);
  const cells = new Map<string, string | null>();
  for (const [column, value] of goal.image ?? []) cells.set(column, goal.before.get(column) ?? value);
  for (const [column, before] of goal.before) if (column !== EXISTS) cells.set(column, before ?? null);
  for (const { alter } of world.altered) {
    if (goal.table.name !== 'changing') continue;
    if (alter.kind === 'drop') cells.delete(alter.column);
    if (alter.kind === 'add' && !cells.has(alter.column)) cells.set(alter.column, alter.value);
  }
  return cells;
}

/** Columns that were dropped, or that have another type now, where the row stays. */
/** The column was dropped, or got another type, after the attempt wrote it. */
function alteredSince(world: World, goal: Goal, part: string): Altered | undefined {
  if (goal.table.name !== 'changing') return undefined;
  return world.altered.find(
    ({ at, alter }) => (alter.kind === 'drop' || alter.kind === 'retype') && alter.column === part && at > (goal.first.get(part) ?? 0),
  );
}

/** A row that came or went is undone without the columns that it has no longer. */
function isGone(world: World, goal: Goal, part: string): boolean {
  return goal.before.has(EXISTS) && alteredSince(world, goal, part) !== undefined;
}

/** Whether its value is back already cannot be said under another type. */
function obstacles(world: World, goal: Goal, live: Cells | undefined): string[] {
  if (goal.before.has(EXISTS) || live === undefined) return [];
  return [...goal.before.keys()].flatMap((part) => {
    const change = alteredSince(world, goal, part);
    return change === undefined ? [] : [`column ${part} was altered (${change.alter.kind})`];
  });
}

type Changed = readonly { readonly row: string; readonly goal: Goal; readonly old: Cells | undefined; readonly now: Cells | undefined }[];

/**
 * What is known only once a step was tried. While open transactions have rows of the selection, a plan tries the steps on other rows, and takes from them what
 * does not depend on the steps that it could not try.
 */
function byTrying(world: World, attempt: string, after: World['rows'], changed: Changed): string[] {
  const reasons = triggered(movedBack(world, attempt, changed));
  if (world.held.size === 0) return [...broken(after, changed), ...reasons];
  if (!isHeld(world, attempt)) return reasons;
  for (const [row, { before }] of goalsOf(world, attempt))
    world.untried.set(row, new Set([...(world.untried.get(row) ?? []), ...before.keys()]));
  return [];
}

/** Whether an open transaction has one of the step's rows, or a step that cannot be tried for that reason one of its parts. */
export function isHeld(world: World, attempt: string): boolean {
  return [...goalsOf(world, attempt)].some(([row, { before }]) => {
    const untried = world.untried.get(row);
    if (untried === undefined) return world.held.has(row);
    return world.held.has(row) || before.has(EXISTS) || untried.has(EXISTS) || [...before.keys()].some((part) => untried.has(part));
  });
}

function broken(rows: ReadonlyMap<string, Cells>, changed: Changed): string[] {
  const touched = new Set(changed.map(({ goal }) => goal.table.name));
  const reasons: string[] = [];
  for (const table of TABLES) {
    const own = [...rows].filter(([key]) => key.startsWith(`${table.name}|`)).map(([, cells]) => cells);
    for (const { name, references, unique } of table.columns) {
      if (references && (touched.has(table.name) || touched.has(references.table))) {
        const there = new Set(
          [...rows].filter(([key]) => key.startsWith(`${references.table}|`)).map(([, cells]) => cells.get(references.column)),
        );
        for (const cells of own) {
          const value = cells.get(name) ?? null;
          if (value !== null && !there.has(value)) reasons.push(`${table.name}.${name} = ${value} would reference nothing`);
        }
      }
      if (!unique || !touched.has(table.name)) continue;
      const values = own.map((cells) => cells.get(name)).filter((value) => value !== null);
      if (new Set(values).size < values.length) reasons.push(`${table.name}.${name} ${NOT_UNIQUE}`);
    }
  }
  return reasons;
}

/** A key that the attempt changed is changed back by an update: for a trigger the end of the one row and the return of the other are one change. */
function movedBack(world: World, attempt: string, changed: Changed): Changed {
  const effects = world.writes.filter((write) => write.attempt === attempt).map(({ effect }) => effect);
  return changed.map((one) => {
    if (one.old !== undefined) return one;
    const from = effects.findLast(({ row, moved }) => moved && row === one.row);
    const to = from && effects.find(({ table, at, before }) => table === from.table && at === from.at && before === undefined);
    const there = changed.find(({ row, now }) => row === to?.row && now === undefined);
    return there === undefined ? one : { ...one, old: there.old };
  });
}

function triggered(changed: Changed): string[] {
  return changed.flatMap(({ goal, old, now }) => {
    const { fires, computes, name } = goal.table;
    if (old === undefined || now === undefined) return [];
    if (fires && fires.into !== 'history' && old.get(fires.column) !== now.get(fires.column))
      return [`trigger of ${name} writes a row (${fires.into})`];
    if (!computes || old.get(computes.column) === now.get(computes.column)) return [];
    const made = computes.of(now.get(computes.column) ?? null);
    return made === now.get(computes.sets) ? [] : [`trigger of ${name} sets ${computes.sets} to ${made}`];
  });
}
