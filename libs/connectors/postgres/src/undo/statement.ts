import { escapeIdentifier } from 'pg';
import type { Column } from '../install/catalogue.ts';
import { outputOf, qualified, target } from '../install/catalogue.ts';
import { EXISTS, partOfColumn } from '../resource.ts';
import type { Captured } from './captured.ts';
import type { PartGoal, RowGoal } from './goal.ts';
import type { CapturedTable, Registry } from './registry.ts';

/** One row's inverse: how, and which parts. */
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

/** A value that is put back: the column, and where its old image is (n-th source of the row, position in that change's image). */
interface Value {
  readonly column: Column;
  readonly source: number;
  readonly position: number;
}

/** A change with its values, and the ordinals of the changes whose old images hold them. Changes with the same `pattern` share a statement. */
interface Placed {
  readonly change: Change;
  readonly values: readonly Value[];
  readonly sources: readonly string[];
  readonly pattern: string;
}

/**
 * The whole step as one statement, so that foreign keys are checked when all of it is done. Values come from the capture table by ordinal,
 * identifiers and types from the catalogue. It runs under the login's own search path, so every operator and function in it is qualified.
 */
export function inverseStatement(registry: Registry, active: ReadonlyMap<string, Active>): Statement {
  const values: string[][] = [];
  return { text: inverseText(registry, active, (ordinals) => `$${values.push([...ordinals])}`), values };
}

/** The same without parameters, so that one request can carry several. */
export const literalInverse = (registry: Registry, active: ReadonlyMap<string, Active>): string =>
  inverseText(registry, active, (ordinals) => `'{${ordinals.map((ordinal) => BigInt(ordinal)).join(',')}}'`);

/** How a statement names an array of ordinals. */
type Argument = (ordinals: readonly string[]) => string;

function inverseText(registry: Registry, active: ReadonlyMap<string, Active>, argument: Argument): string {
  const groups = new Map<string, Placed[]>();
  for (const change of changesOf(active)) {
    const placed = place(registry, change);
    const group = groups.get(placed.pattern);
    if (group === undefined) groups.set(placed.pattern, [placed]);
    else group.push(placed);
  }
  const parts: string[] = [];
  for (const pattern of [...groups.keys()].sort()) {
    const after = parts.length === 0 ? 'true' : `(SELECT pg_catalog.count(*) FROM s${parts.length - 1}) OPERATOR(pg_catalog.>=) 0`;
    const sql = groupStatement(groups.get(pattern) ?? [], argument, after);
    if (sql !== undefined) parts.push(`s${parts.length} AS (${sql} RETURNING 1)`);
  }
  return parts.length === 0 ? 'SELECT 1' : `WITH ${parts.join(', ')} SELECT 1`;
}

/**
 * The same step effect by effect, the last one first: for values that are unique and were passed along in a circle, which no single
 * statement can put back. Every state on the way is one that existed before.
 */
export function reversal(registry: Registry, active: ReadonlyMap<string, Active>): Statement[] {
  const goals = new Map([...active.values()].flatMap(({ goal }) => goal.effects.map((effect) => [effect.ordinal, goal] as const)));
  const effects = [...active.values()].flatMap(({ goal, parts }) => goal.effects.map((effect) => ({ goal, parts, effect })));
  return effects
    .sort((a, b) => (BigInt(a.effect.ordinal) < BigInt(b.effect.ordinal) ? 1 : -1))
    .flatMap(({ goal, parts, effect }) => {
      const change = changeOf(registry, onlyThis(registry, goal, effect), effect, parts, goals);
      const values: string[][] = [];
      const argument: Argument = (ordinals) => `$${values.push([...ordinals])}`;
      const text = change === undefined ? undefined : groupStatement([place(registry, change)], argument, 'true');
      return text === undefined ? [] : [{ text, values }];
    });
}

/** The row's goal as if the attempt had made this one change. */
function onlyThis(registry: Registry, goal: RowGoal, effect: Captured): RowGoal {
  const parts = new Map<string, PartGoal>();
  for (const [part, { before, after }] of writtenParts(registry, effect)) {
    parts.set(part, { before, after, ordinal: BigInt(effect.ordinal), source: effect });
  }
  return { ...goal, effects: [effect], first: effect, last: effect, parts };
}

/** Parts of a change under their present names. */
export function writtenParts(registry: Registry, captured: Captured) {
  const shape = registry.shape(captured.shape);
  return Object.entries(captured.effect.parts).map(([recorded, versions]): readonly [string, typeof versions] => {
    const at = shape?.recordedParts.indexOf(recorded) ?? -1;
    return [recorded === EXISTS ? EXISTS : (shape?.parts[at] ?? recorded), versions];
  });
}

function changeOf(
  registry: Registry,
  row: RowGoal,
  effect: Captured,
  active: ReadonlySet<string>,
  goals: ReadonlyMap<string, RowGoal>,
): Change | undefined {
  const made = effect.effect.parts[EXISTS]?.before === null;
  if (!(EXISTS in effect.effect.parts)) {
    const parts = [...row.parts.keys()].filter((part) => active.has(part)).sort();
    return parts.length === 0 ? undefined : { kind: 'update', row, parts };
  }
  const half = effect.pair === null ? undefined : goals.get(effect.pair);
  if (half !== undefined && effect.pair !== null) {
    const other = half.effects.find((candidate) => candidate.ordinal === effect.pair);
    if (!made || other === undefined) return undefined;
    return {
      kind: 'rekey',
      row,
      from: onlyThis(registry, half, other),
      parts: [...row.parts.keys()].filter((part) => part !== EXISTS).sort(),
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

/**
 * Derived columns of rows that come back, also under their old key, set to what they were before the attempt: a trigger may have counted the rest of the inverse on top
 * of the old value. Only rows that differ are written; a trigger that assigns the column at each update has the last word.
 */
export function derivedStatements(registry: Registry, active: ReadonlyMap<string, Active>): Statement[] {
  const back = changesOf(active).flatMap((change) =>
    change.kind === 'insert' ? [change.row] : change.kind === 'rekey' ? [change.from] : [],
  );
  return back.flatMap((row) => {
    const placed = placeValues(
      { kind: 'update', row, parts: [] },
      row.captured.table.columns.flatMap((column) => {
        const source =
          row.captured.derived.has(column.name) && !column.generated && !column.identityAlways
            ? firstTouch(registry, row, column)
            : undefined;
        return source === undefined ? [] : [{ column, source }];
      }),
      registry,
    );
    const values: string[][] = [];
    const argument: Argument = (ordinals) => `$${values.push([...ordinals])}`;
    const text = groupStatement([placed], argument, 'true', { onlyDifferent: true });
    return text === undefined ? [] : [{ text, values }];
  });
}

/** The row's first change whose old image has this column. */
const firstTouch = (registry: Registry, row: RowGoal, column: Column): Captured | undefined =>
  row.touches.find(({ shape, written }) => {
    const position = (registry.shape(shape)?.columns.indexOf(column.name) ?? -1) + 1;
    return position > 0 && (written === null || written.length === 0 || written.includes(position));
  });

/** Finds the old image of each value of a change. A delete needs none: it only names the row. */
function place(registry: Registry, change: Change): Placed {
  const { byPart, table } = change.row.captured;
  if (change.kind === 'update' || change.kind === 'rekey') {
    const { parts } = change.kind === 'rekey' ? change.from : change.row;
    const written = change.parts.flatMap((part) => {
      const column = byPart.get(part);
      return column === undefined || column.generated || column.identityAlways ? [] : [{ column, source: parts.get(part)?.source }];
    });
    return placeValues(change, written, registry);
  }
  if (change.kind === 'delete') return placeValues(change, [], registry);
  // Derived columns are no parts: the whole image of the deleting change has them.
  const { parts, effects } = change.row;
  const whole = effects.find(({ effect }) => effect.parts[EXISTS]?.after === null);
  const all = table.columns
    .filter(({ generated }) => !generated)
    .map((column) => ({ column, source: parts.get(partOfColumn(column.name))?.source ?? whole }));
  return placeValues(change, all, registry);
}

type Sourced = { readonly column: Column; readonly source: Captured | undefined };

function placeValues(change: Change, wanted: readonly Sourced[], registry: Registry): Placed {
  const { captured } = change.row;
  const sources: string[] = [];
  const values: Value[] = [];
  for (const { column, source } of wanted) {
    const position = (source === undefined ? undefined : registry.shape(source.shape))?.columns.indexOf(column.name) ?? -1;
    if (source === undefined || position < 0) continue;
    if (!sources.includes(source.ordinal)) sources.push(source.ordinal);
    values.push({ column, source: sources.indexOf(source.ordinal), position: position + 1 });
  }
  const layout = values.map(({ column, source, position }) => [column.attnum, source, position]);
  return { change, values, sources, pattern: JSON.stringify([ORDER[change.kind], captured.relation, layout]) };
}

/** @returns undefined where nothing is left to write (only identity columns, which the target keeps to itself). */
function groupStatement(
  group: readonly Placed[],
  argument: Argument,
  after: string,
  { onlyDifferent = false }: { onlyDifferent?: boolean } = {},
): string | undefined {
  const [first] = group;
  if (first === undefined) return undefined;
  const { captured } = first.change.row;
  const on = target(captured.table);
  const { kind } = first.change;
  const from = imagesOf(group, argument);
  if (kind === 'delete') return `DELETE FROM ${on} t USING ${from} WHERE ${sameKey(captured)} AND ${after}`;
  if (first.values.length === 0) return undefined;
  const imageOf = ({ column, source, position }: Value) => castOf(`k.old${source}`, column, position);
  if (kind === 'insert') {
    const columns = first.values.map(({ column }) => escapeIdentifier(column.name)).join(', ');
    return `INSERT INTO ${qualified(captured.table)} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${first.values.map(imageOf).join(', ')} FROM ${from} WHERE ${after}`;
  }
  const sets = first.values.map((value) => `${escapeIdentifier(value.column.name)} = ${imageOf(value)}`).join(', ');
  const differs = first.values.map(({ column, source, position }) => differsFrom(outputOf('t', column), `k.old${source}[${position}]`));
  return `UPDATE ${on} t SET ${sets} FROM ${from} WHERE ${sameKey(captured)} AND ${onlyDifferent ? `(${differs.join(' OR ')})` : after}`;
}

/**
 * The key of each row of a group, and its old images (`old0`, …). OFFSET 0: without it the planner may compare the rows' keys with those of all captured changes, other
 * tables' included, whose text is no value of this key's type.
 */
function imagesOf(group: readonly Placed[], argument: Argument): string {
  const images = (group[0] as Placed).sources;
  const unnested = (ordinals: string[]) => `pg_catalog.unnest(${argument(ordinals)}::bigint[])`;
  const rows = [
    unnested(group.map(({ change }) => change.row.last.ordinal)),
    ...images.map((_, n) => unnested(group.map(({ sources }) => sources[n] ?? ''))),
  ];
  const names = ['row', ...images.map((_, n) => `s${n}`)];
  const columns = ['k.key', ...images.map((_, n) => `c${n}.old AS old${n}`)];
  const joins = images.map((_, n) => ` JOIN recant.change c${n} ON c${n}.ordinal OPERATOR(pg_catalog.=) p.s${n}`).join('');
  return `(SELECT ${columns.join(', ')} FROM ROWS FROM (${rows.join(', ')}) AS p(${names.join(', ')}) JOIN recant.change k ON k.ordinal OPERATOR(pg_catalog.=) p.row${joins} OFFSET 0) AS k`;
}

/** As text, because not every type has an equality; the session has the settings that images are written in. */
const differsFrom = (live: string, image: string): string =>
  `NOT (coalesce(${live} OPERATOR(pg_catalog.=) ${image}, false) OR (${live} IS NULL AND ${image} IS NULL))`;

const castOf = (image: string, column: Column, position: number): string => `CAST(${image}[${position}] AS ${column.castType})`;

/** `t` and `k` are the same row. */
const sameKey = ({ table }: CapturedTable): string =>
  table.key
    .map((name, index) => {
      const column = table.columns.find((candidate) => candidate.name === name);
      if (column === undefined) throw new Error(`no key column ${name} in ${table.schema}.${table.name}`);
      return `t.${escapeIdentifier(name)} ${table.keyEquality[index]} ${castOf('k.key', column, index + 1)}`;
    })
    .join(' AND ');
