import type { VersionOrAbsent } from '@recant/events';
import type { ClientBase } from 'pg';
import { outputOf } from '../install/catalogue.ts';
import { EXISTS } from '../resource.ts';
import type { Captured } from './captured.ts';
import type { RowGoal, StepGoal } from './goal.ts';
import { keyColumns, keyedRows, placesIn, type Versions } from './live.ts';
import type { CapturedTable, Registry } from './registry.ts';
import { readRows } from './rows.ts';

/** `left`: as the attempts left the rows, the first goal of a part counts. `back`: as they go back to, the last one counts. */
export type Expectation = 'left' | 'back';

/** In no name of a part. */
const SEPARATOR = '\u0000';

/** A row all of whose parts are expected to have the values of one image of one change. */
interface Expected {
  readonly row: RowGoal;
  readonly change: Captured;
  readonly versions: Versions;
}

/**
 * The rows of these goals that are there, each with the versions of its parts. The target compares the values of most rows with a captured image: equal texts of one type
 * have equal versions, which costs a fifth of computing them. All other rows are read with their versions.
 */
export async function readRowsExpecting(
  client: ClientBase,
  registry: Registry,
  goals: readonly StepGoal[],
  expectation: Expectation,
): Promise<Map<string, Versions>> {
  const byResource = new Map<string, RowGoal[]>();
  for (const { rows } of goals)
    for (const row of rows.values()) {
      const known = byResource.get(row.resource);
      if (known === undefined) byResource.set(row.resource, [row]);
      else known.push(row);
    }
  const groups = new Map<string, Expected[]>();
  for (const rows of byResource.values()) {
    const expected = expectedOf(registry, rows, expectation);
    if (expected === undefined) continue;
    const { row, change, versions } = expected;
    const pattern = `${row.captured.relation} ${change.shape} ${[...versions.keys()].join(SEPARATOR)}`;
    const group = groups.get(pattern);
    if (group === undefined) groups.set(pattern, [expected]);
    else group.push(expected);
  }
  const live = new Map<string, Versions>();
  for (const group of groups.values())
    for (const { row, versions } of await readEqual(client, registry, group, expectation)) live.set(row.resource, versions);
  const others: RowGoal[] = [];
  for (const [resource, rows] of byResource) if (!live.has(resource)) others.push(...rows);
  if (others.length > 0) for (const [resource, versions] of await readRows(client, others)) live.set(resource, versions);
  return live;
}

/** @returns undefined: the row came, went or got another key, its values are in several changes, or it has a part that cannot be compared */
function expectedOf(registry: Registry, rows: readonly RowGoal[], expectation: Expectation): Expected | undefined {
  const ordered = expectation === 'left' || rows.length === 1 ? rows : rows.toReversed();
  const [row] = ordered as [RowGoal];
  const versions = new Map<string, VersionOrAbsent>();
  let change: Captured | undefined;
  for (const { parts, effects } of ordered) {
    for (const [part, { before, after, ordinal, source, obstacle }] of parts) {
      if (versions.has(part)) continue;
      const own = expectation === 'back' ? source : effects.find((effect) => BigInt(effect.ordinal) === ordinal);
      const version = expectation === 'back' ? before : after;
      if (part === EXISTS || obstacle !== undefined || version === null || own === undefined) return undefined;
      if (own.effect.operation !== 'update' || (change !== undefined && change !== own)) return undefined;
      change = own;
      versions.set(part, version);
    }
  }
  const present = change?.effect.reads?.[EXISTS];
  if (change === undefined || present === undefined || registry.shape(change.shape) === undefined) return undefined;
  return { row, change, versions: versions.set(EXISTS, present) };
}

/** Those of a group, which is of one table, one shape and the same parts, whose row has the values that are expected. */
async function readEqual(
  client: ClientBase,
  registry: Registry,
  group: readonly Expected[],
  expectation: Expectation,
): Promise<readonly Expected[]> {
  const [{ row, change, versions }] = group as [Expected];
  const { captured } = row;
  const image = expectation === 'left' ? 'c.new' : 'c.old';
  const values = [...versions.keys()].filter((part) => part !== EXISTS).map((part) => equalValue(registry, captured, change, part, image));
  if (values.includes(undefined)) return [];
  const keys = keyColumns(
    captured,
    group.map((one) => one.row.key),
  );
  const { rows } = await client.query<{ places: string | null }>(
    `SELECT string_agg(k.n::text, ',') AS places FROM ${keyedRows(captured, ['bigint'])} 
     CROSS JOIN LATERAL (SELECT * FROM recant.change WHERE ordinal = k.a0 OFFSET 0) c
     WHERE ${image} IS NOT NULL AND ${values.join(' AND ')}`,
    [...keys, group.map((one) => one.change.ordinal)],
  );
  return placesIn(rows[0]?.places ?? null).map((place) => group[place - 1] as Expected);
}

/** @returns undefined: the column is gone */
function equalValue(
  registry: Registry,
  { table }: CapturedTable,
  change: Captured,
  part: string,
  image: 'c.old' | 'c.new',
): string | undefined {
  const shape = registry.shape(change.shape);
  const at = shape?.parts.indexOf(part) ?? -1;
  const column = table.columns.find(({ name }) => name === shape?.columns[at]);
  return column && `${outputOf('t', column)} IS NOT DISTINCT FROM ${image}[${at + 1}]`;
}
