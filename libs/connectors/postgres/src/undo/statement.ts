import { escapeIdentifier } from 'pg';
import type { Column } from '../install/catalogue.ts';
import { qualified, target } from '../install/catalogue.ts';
import { EXISTS } from '../resource.ts';
import type { Captured } from './captured.ts';
import type { RowGoal } from './goal.ts';
import type { CapturedTable, Registry, Shape } from './registry.ts';

/** One row's inverse: how, and which columns. */
type Change =
  | { readonly kind: 'delete' | 'insert'; readonly row: RowGoal }
  | { readonly kind: 'update'; readonly row: RowGoal; readonly parts: readonly string[] }
  /** A changed key goes back: `row` is where it is now, `from` where it was. */
  | { readonly kind: 'rekey'; readonly row: RowGoal; readonly from: RowGoal; readonly parts: readonly string[] };

/** Unique values are given up before they are taken again. */
const ORDER: Readonly<Record<Change['kind'], number>> = { delete: 0, rekey: 1, update: 2, insert: 3 };

export interface Active {
  readonly goal: RowGoal;
  readonly parts: ReadonlySet<string>;
}

export interface Statement {
  readonly text: string;
  readonly values: readonly (readonly string[])[];
}

/**
 * The whole step as one statement, so that foreign keys are checked when all of it is done. Values come from the capture table by ordinal,
 * identifiers and types from the catalogue. It runs under the login's own search path, so every operator and function in it is qualified.
 */
export function inverseStatement(registry: Registry, active: ReadonlyMap<string, Active>): Statement {
  const groups = new Map<string, Change[]>();
  for (const change of changesOf(active)) {
    const { row } = change;
    const columns = 'parts' in change ? change.parts : [];
    const name = JSON.stringify([ORDER[change.kind], row.captured.relation, row.first.shape, columns]);
    groups.set(name, [...(groups.get(name) ?? []), change]);
  }
  const values: string[][] = [];
  const parts: string[] = [];
  for (const name of [...groups.keys()].sort()) {
    const group = groups.get(name) ?? [];
    const after = parts.length === 0 ? 'true' : `(SELECT pg_catalog.count(*) FROM s${parts.length - 1}) OPERATOR(pg_catalog.>=) 0`;
    const sql = groupStatement(registry, group, values, after);
    if (sql !== undefined) parts.push(`s${parts.length} AS (${sql} RETURNING 1)`);
  }
  return { text: parts.length === 0 ? 'SELECT 1' : `WITH ${parts.join(', ')} SELECT 1`, values };
}

/**
 * The same step effect by effect, the last one first: for values that are unique and were passed along in a circle, which no single
 * statement can put back. Every state on the way is one that was there before.
 */
export function reversal(registry: Registry, active: ReadonlyMap<string, Active>): Statement[] {
  const goals = new Map([...active.values()].flatMap(({ goal }) => goal.effects.map((effect) => [effect.ordinal, goal] as const)));
  const effects = [...active.values()].flatMap(({ goal, parts }) => goal.effects.map((effect) => ({ goal, parts, effect })));
  return effects
    .sort((a, b) => (BigInt(a.effect.ordinal) < BigInt(b.effect.ordinal) ? 1 : -1))
    .flatMap(({ goal, parts, effect }) => {
      const change = changeOf({ ...goal, first: effect, last: effect, parts: new Map() }, effect, parts, goals);
      const values: string[][] = [];
      const text = change === undefined ? undefined : groupStatement(registry, [change], values, 'true');
      return text === undefined ? [] : [{ text, values }];
    });
}

function changeOf(row: RowGoal, effect: Captured, active: ReadonlySet<string>, goals: ReadonlyMap<string, RowGoal>): Change | undefined {
  const written = Object.keys(effect.effect.parts).filter((part) => part !== EXISTS && active.has(part));
  if (effect.effect.operation === 'update') return written.length === 0 ? undefined : { kind: 'update', row, parts: written.sort() };
  const made = effect.effect.parts[EXISTS]?.before === null;
  const half = effect.pair === null ? undefined : goals.get(effect.pair);
  if (half !== undefined && effect.pair !== null) {
    const other = half.effects.find((candidate) => candidate.ordinal === effect.pair);
    if (!made || other === undefined) return undefined;
    return {
      kind: 'rekey',
      row,
      from: { ...half, first: other, last: other },
      parts: Object.keys(effect.effect.parts)
        .filter((part) => part !== EXISTS)
        .sort(),
    };
  }
  return { kind: made ? 'delete' : 'insert', row };
}

function changesOf(active: ReadonlyMap<string, Active>): Change[] {
  const byEffect = new Map([...active.values()].flatMap(({ goal }) => goal.effects.map((effect) => [effect.ordinal, goal] as const)));
  const moved = new Set<string>();
  const changes: Change[] = [];
  for (const { goal, parts } of active.values()) {
    const from = parts.has(EXISTS) && goal.parts.get(EXISTS)?.before === null ? originOf(goal, byEffect) : undefined;
    if (from === undefined || active.get(from.resource)?.parts.has(EXISTS) !== true) continue;
    moved.add(goal.resource).add(from.resource);
    const differing = [...goal.parts]
      .filter(([part, { after }]) => part !== EXISTS && from.parts.get(part)?.before !== after)
      .map(([part]) => part);
    changes.push({ kind: 'rekey', row: goal, from, parts: differing.sort() });
  }
  for (const { goal, parts } of active.values()) {
    if (moved.has(goal.resource)) continue;
    if (!parts.has(EXISTS)) changes.push({ kind: 'update', row: goal, parts: [...parts].sort() });
    else changes.push({ kind: goal.parts.get(EXISTS)?.before === null ? 'delete' : 'insert', row: goal });
  }
  return changes;
}

/** Follows changed keys back to the row's first one, where the attempt did not make the row itself. */
function originOf(goal: RowGoal, byEffect: ReadonlyMap<string, RowGoal>): RowGoal | undefined {
  let [row, effect] = [goal, goal.first];
  for (let hops = 0; hops <= byEffect.size; hops += 1) {
    const half = effect.pair === null ? undefined : byEffect.get(effect.pair);
    const at = half?.effects.findIndex((candidate) => candidate.ordinal === effect.pair) ?? -1;
    if (half === undefined || at < 0) return undefined;
    row = half;
    const earlier = half.effects[0];
    // The key's first row, gone since: exists before, absent after, its last effect being the half that leaves.
    if (half.parts.get(EXISTS)?.before !== null) return half.effects.length - 1 === at && half !== goal ? row : undefined;
    if (earlier === undefined) return undefined;
    effect = earlier;
  }
  return undefined;
}

/** @returns undefined where nothing is left to write (only identity columns, which the target keeps to itself). */
function groupStatement(registry: Registry, group: readonly Change[], values: string[][], after: string): string | undefined {
  const [change] = group;
  if (change === undefined) return undefined;
  const { captured } = change.row;
  const source = change.kind === 'rekey' ? change.from : change.row;
  const shape = registry.shape(source.first.shape);
  if (shape === undefined) throw new Error(`no shape ${source.first.shape}`);
  const parameter = (ordinals: string[]) => `$${values.push(ordinals)}::bigint[]`;
  const on = target(captured.table);
  if (change.kind === 'insert') {
    const columns = shape.columns.map((name, index) => [columnOf(captured, name), index + 1] as const);
    const list = columns.map(([column]) => escapeIdentifier(column.name)).join(', ');
    const images = columns.map(([column, position]) => castOf('c.old', column, position)).join(', ');
    const ordinals = parameter(group.map(({ row }) => row.first.ordinal));
    return `INSERT INTO ${qualified(captured.table)} (${list}) OVERRIDING SYSTEM VALUE SELECT ${images} FROM recant.change c WHERE c.ordinal OPERATOR(pg_catalog.=) ANY (${ordinals}) AND ${after}`;
  }
  if (change.kind === 'delete') {
    const ordinals = parameter(group.map(({ row }) => row.last.ordinal));
    return `DELETE FROM ${on} t USING recant.change c WHERE c.ordinal OPERATOR(pg_catalog.=) ANY (${ordinals}) AND ${sameKey(captured, 'c')} AND ${after}`;
  }
  const sets = assignments(captured, shape, 'parts' in change ? change.parts : []);
  if (sets === '') return undefined;
  if (change.kind === 'update') {
    const ordinals = parameter(group.map(({ row }) => row.first.ordinal));
    return `UPDATE ${on} t SET ${sets} FROM recant.change c WHERE c.ordinal OPERATOR(pg_catalog.=) ANY (${ordinals}) AND ${sameKey(captured, 'c')} AND ${after}`;
  }
  const pairs = group.flatMap((one) => (one.kind === 'rekey' ? [one] : []));
  const [from, now] = [parameter(pairs.map((one) => one.from.first.ordinal)), parameter(pairs.map((one) => one.row.last.ordinal))];
  return `UPDATE ${on} t SET ${sets} FROM ROWS FROM (pg_catalog.unnest(${from}), pg_catalog.unnest(${now})) AS p(before, now) JOIN recant.change c ON c.ordinal OPERATOR(pg_catalog.=) p.before JOIN recant.change n ON n.ordinal OPERATOR(pg_catalog.=) p.now
    WHERE ${sameKey(captured, 'n')} AND ${after}`;
}

function assignments(captured: CapturedTable, shape: Shape, parts: readonly string[]): string {
  const sets: string[] = [];
  for (const part of parts) {
    const index = shape.parts.indexOf(part);
    const column = columnOf(captured, shape.columns[index] ?? '');
    if (!column.identityAlways) sets.push(`${escapeIdentifier(column.name)} = ${castOf('c.old', column, index + 1)}`);
  }
  return sets.join(', ');
}

const castOf = (image: string, column: Column, position: number): string => `CAST(${image}[${position}] AS ${column.castType})`;

const sameKey = ({ table }: CapturedTable, row: string): string =>
  table.key
    .map(
      (name, index) => `t.${escapeIdentifier(name)} OPERATOR(pg_catalog.=) ${castOf(`${row}.key`, columnOf({ table }, name), index + 1)}`,
    )
    .join(' AND ');

function columnOf({ table }: Pick<CapturedTable, 'table'>, name: string): Column {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw new Error(`no column ${name} in ${table.schema}.${table.name}`);
  return column;
}
