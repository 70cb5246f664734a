import type { Finding, RehearsedStep } from '@recant/connector';
import type { VersionOrAbsent } from '@recant/events';
import { EXISTS, formatRow } from '../resource.ts';
import type { Captured } from './captured.ts';
import type { Key, Versions } from './live.ts';
import type { CapturedTable, Registry, Shape } from './registry.ts';

/** What a part goes back to, over all effects of the attempt: its first before, its last after. */
export interface PartGoal {
  readonly before: VersionOrAbsent;
  after: VersionOrAbsent;
  /** Ordinal of the attempt's own last write of the part. */
  ordinal: bigint;
  /** The change that wrote it first: its old image holds what the part goes back to. */
  readonly source: Captured;
  /** Why the part cannot be compared or written now (a dropped or retyped column). */
  readonly obstacle?: string;
}

/** One row that the attempt wrote. */
export interface RowGoal {
  readonly resource: string;
  readonly captured: CapturedTable;
  readonly key: Key;
  /** Its effects, ascending; the first one's old image is what is put back. */
  readonly effects: readonly Captured[];
  readonly first: Captured;
  readonly last: Captured;
  readonly parts: ReadonlyMap<string, PartGoal>;
  /** All its changes, those of derived columns only included. */
  readonly touches: readonly Captured[];
}

export interface StepGoal {
  readonly rows: ReadonlyMap<string, RowGoal>;
  /** What stays behind, in words. */
  readonly residue: readonly string[];
  /** Mode `force`; see InverseStep. */
  readonly overwrites?: RehearsedStep['overwrites'];
}

/** Pure: the attempt's captured effects, taken together per row. Tables and columns have today's names, whatever they were called then. */
export function goalOf(registry: Registry, captured: readonly Captured[]): StepGoal {
  const rows = new Map<string, RowGoal & { effects: Captured[]; last: Captured; parts: Map<string, PartGoal> }>();
  const touches = new Map<string, Captured[]>();
  const residue = new Set<string>();
  for (const row of captured) {
    if (row.effect.operation === 'history') residue.add(`history: ${row.effect.resource.replace(/\/[^/]*$/, '')} keeps its rows`);
    if (row.effect.operation === 'history') continue;
    const table = registry.relation(row.relation);
    const shape = registry.shape(row.shape);
    if (table === undefined || shape === undefined)
      throw new Error(`change ${row.ordinal}: no relation ${row.relation} or shape ${row.shape}`);
    const resource = resourceOf(registry, table, row.key);
    const touched = touches.get(resource) ?? [];
    touches.set(resource, touched);
    touched.push(row);
    if (Object.keys(row.effect.parts).length === 0) continue;
    const goal = rows.get(resource) ?? {
      resource,
      captured: table,
      key: row.key,
      effects: [],
      first: row,
      last: row,
      parts: new Map<string, PartGoal>(),
      touches: touched,
    };
    goal.effects.push(row);
    goal.last = row;
    rows.set(resource, goal);
    const isWhole = EXISTS in row.effect.parts;
    for (const [recorded, { before, after }] of Object.entries(row.effect.parts)) {
      const part = partNow(table, shape, recorded);
      if (isWhole && 'reason' in part) residue.add(`${nameOf(table)}: ${part.reason}`);
      if (isWhole && 'reason' in part) continue;
      const known = goal.parts.get(part.name);
      const ordinal = BigInt(row.ordinal);
      if (known !== undefined) Object.assign(known, { after, ordinal });
      else goal.parts.set(part.name, { before, after, ordinal, source: row, ...('reason' in part && { obstacle: part.reason }) });
    }
    for (const column of table.derived) residue.add(`derived: ${nameOf(table)}.${column} is left to the target`);
  }
  return { rows, residue: [...residue] };
}

const nameOf = ({ table }: CapturedTable): string => `${table.schema}.${table.name}`;

/** The row's URI under the table's present name. */
export const resourceOf = ({ system }: Registry, { table }: CapturedTable, key: Key): string =>
  formatRow({ system, schema: table.schema, table: table.name, key });

/** The present name of a recorded part, and why its versions cannot be compared with live ones, where they cannot. */
function partNow({ table }: CapturedTable, shape: Shape, recorded: string): { readonly name: string; readonly reason?: string } {
  if (recorded === EXISTS) return { name: EXISTS };
  const at = shape.recordedParts.indexOf(recorded);
  const column = table.columns.find(({ name }) => name === shape.columns[at]);
  if (column === undefined || !shape.present[at]) return { name: recorded, reason: `Column ${recorded} no longer exists.` };
  const name = shape.parts[at] ?? recorded;
  if (column.type === shape.types[at]) return { name };
  return { name, reason: `Column ${column.name} had type ${shape.types[at]} when it was recorded, and has type ${column.type} now.` };
}

/** Says, of a part and its live version, whether a person let the step overwrite it (mode `force`): then a finding `overwritten`. */
export type Overwritable = (part: string, found: VersionOrAbsent) => Finding | undefined;

export interface Guarded {
  /** Parts that are at after, or may be overwritten, and go back. */
  readonly active: ReadonlySet<string>;
  readonly findings: readonly Finding[];
}

/** The three-way test, per part: at after → write, at before → leave, else conflict. A part whose net change is nothing is left. */
export function guard(
  goal: RowGoal,
  live: Versions | undefined,
  writer: (part: string) => string | undefined,
  overwritable: Overwritable,
): Guarded {
  const active = new Set<string>();
  const findings: Finding[] = [];
  for (const [part, { before, after, obstacle }] of goal.parts) {
    const found = live === undefined ? null : live.get(part);
    if (obstacle !== undefined) {
      findings.push({ resource: goal.resource, part, code: 'drift', detail: obstacle, expected: after, found: found ?? null });
      continue;
    }
    if (found === before) continue;
    if ((found === after && found !== undefined) || overwritable(part, found ?? null) !== undefined) active.add(part);
    else {
      const by = writer(part);
      const detail = by === undefined ? 'Changed since, and the target captured no such change.' : `Changed later by ${by}.`;
      findings.push({ resource: goal.resource, part, code: 'drift', detail, expected: after, found: found ?? null });
    }
  }
  return { active, findings };
}

/** Parts that are not at before after the inverse. */
export function readBack(goal: RowGoal, live: Versions | undefined): Finding[] {
  const findings: Finding[] = [];
  for (const [part, { before }] of goal.parts) {
    const found = live === undefined ? null : (live.get(part) ?? null);
    if (found !== before) {
      findings.push({
        resource: goal.resource,
        part,
        code: 'read_back',
        detail: 'Read-back failed: the restored part has a different version.',
        expected: before,
        found,
      });
    }
  }
  return findings;
}

/**
 * Parts that the inverse wrote beyond its goal: a trigger or a cascade of the target took part. Derived columns and history are no parts; a row
 * that comes back or goes may have columns that did not exist when the attempt wrote it.
 */
export function sideEffects(registry: Registry, goal: StepGoal, written: readonly Captured[]): Finding[] {
  return written.flatMap((row) => {
    const table = registry.relation(row.relation);
    const resource = table === undefined ? row.effect.resource : resourceOf(registry, table, row.key);
    const planned = goal.rows.get(resource)?.parts;
    if (planned?.has(EXISTS) && EXISTS in row.effect.parts) return [];
    const shape = registry.shape(row.shape);
    return Object.entries(row.effect.parts)
      .map(([recorded, versions]) => ({ part: table && shape ? partNow(table, shape, recorded).name : recorded, ...versions }))
      .filter(({ part, before, after }) => planned?.has(part) !== true && before !== after)
      .map(({ part }): Finding => ({ resource, part, code: 'side_effect', detail: 'The inverse would also change this part.' }));
  });
}
