import type { Finding } from '@recant/connector';
import type { VersionOrAbsent } from '@recant/events';
import type { Captured } from './captured.ts';
import type { Key, Versions } from './live.ts';
import type { CapturedTable, Registry } from './registry.ts';

/** What a part goes back to, over all effects of the attempt: its first before, its last after. */
export interface PartGoal {
  readonly before: VersionOrAbsent;
  after: VersionOrAbsent;
  /** Ordinal of the attempt's own last write of the part. */
  ordinal: bigint;
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
}

export interface StepGoal {
  readonly rows: ReadonlyMap<string, RowGoal>;
  /** What stays behind, in words. */
  readonly residue: readonly string[];
}

/** Pure: the attempt's captured effects, taken together per row. */
export function goalOf(
  registry: Registry,
  captured: readonly Captured[],
  locate: (resource: string) => { captured: CapturedTable; key: Key },
): StepGoal {
  const rows = new Map<string, RowGoal & { effects: Captured[]; last: Captured; parts: Map<string, PartGoal> }>();
  const residue = new Set<string>();
  for (const row of captured) {
    if (row.effect.operation === 'history') residue.add(`history: ${row.effect.resource.replace(/\/[^/]*$/, '')} keeps its rows`);
    if (Object.keys(row.effect.parts).length === 0) continue;
    const resource = row.effect.resource;
    const goal = rows.get(resource) ?? {
      resource,
      ...locate(resource),
      effects: [],
      first: row,
      last: row,
      parts: new Map<string, PartGoal>(),
    };
    goal.effects.push(row);
    goal.last = row;
    rows.set(resource, goal);
    for (const [part, { before, after }] of Object.entries(row.effect.parts)) {
      const known = goal.parts.get(part);
      if (known === undefined) goal.parts.set(part, { before, after, ordinal: BigInt(row.ordinal) });
      else Object.assign(known, { after, ordinal: BigInt(row.ordinal) });
    }
    for (const column of derivedColumns(registry, row))
      residue.add(`derived: ${goal.captured.table.schema}.${goal.captured.table.name}.${column} is left to the target`);
  }
  return { rows, residue: [...residue] };
}

function derivedColumns(registry: Registry, row: Captured): string[] {
  const shape = registry.shape(row.shape);
  return shape?.columns.filter((_, index) => shape.derived[index]) ?? [];
}

export interface Guarded {
  /** Parts that are at after, and go back. */
  readonly active: ReadonlySet<string>;
  readonly findings: readonly Finding[];
}

/** The three-way test, per part: at after → write, at before → leave, else conflict. A part whose net change is nothing is left. */
export function guard(goal: RowGoal, live: Versions | undefined): Guarded {
  const active = new Set<string>();
  const findings: Finding[] = [];
  for (const [part, { before, after }] of goal.parts) {
    const found = live === undefined ? null : live.get(part);
    if (found === before) continue;
    if (found === after && found !== undefined) active.add(part);
    else {
      const detail = found === undefined ? 'the column is no longer there' : 'somebody changed it since';
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

/** Parts that the inverse wrote beyond its goal: a trigger or a cascade of the target took part. Derived columns and history are no parts. */
export function sideEffects(goal: StepGoal, written: readonly Captured[]): Finding[] {
  return written.flatMap(({ effect }) => {
    const parts = goal.rows.get(effect.resource)?.parts;
    return Object.keys(effect.parts)
      .filter((part) => parts?.has(part) !== true)
      .map(
        (part): Finding => ({ resource: effect.resource, part, code: 'side_effect', detail: 'The inverse would also change this part.' }),
      );
  });
}
