import type { Finding } from '@recant/connector';
import { type ClientBase, escapeIdentifier } from 'pg';
import { outputOf, target } from '../install/catalogue.ts';
import { EXISTS, partOfColumn } from '../resource.ts';
import type { RowGoal, StepGoal } from './goal.ts';
import type { Registry } from './registry.ts';

/** Findings of a step that get values, and characters of a value: longer ones say less than who and when. */
const FINDINGS_MAX = 5;
const VALUE_CHARS_MAX = 40;
const ABOUT_VALUES: ReadonlySet<string> = new Set<Finding['code']>(['drift', 'later_write', 'overwritten']);

/** The first findings with the value that the part has now and the one that the attempt left. Only for conflicts about values. */
export async function withValues(
  client: ClientBase,
  registry: Registry,
  goal: StepGoal,
  findings: readonly Finding[],
): Promise<readonly Finding[]> {
  const named: Finding[] = [];
  for (const finding of findings) {
    const row = goal.rows.get(finding.resource);
    const isAboutValues = ABOUT_VALUES.has(finding.code) && finding.part !== EXISTS;
    const values = row && isAboutValues && named.length < FINDINGS_MAX ? await valuesOf(client, registry, row, finding.part) : undefined;
    named.push(values === undefined ? finding : { ...finding, values });
  }
  return named;
}

/** An update that changed nothing left the old values, which are kept once. */
async function valuesOf(client: ClientBase, registry: Registry, row: RowGoal, part: string): Promise<Finding['values'] | undefined> {
  const { table } = row.captured;
  const column = table.columns.find(({ name }) => partOfColumn(name) === part);
  const goal = row.parts.get(part);
  const change = row.effects.findLast(({ ordinal }) => BigInt(ordinal) === goal?.ordinal);
  const position = column === undefined || change === undefined ? -1 : (registry.shape(change.shape)?.columns.indexOf(column.name) ?? -1);
  if (column === undefined || change === undefined || goal?.obstacle !== undefined || position < 0) return undefined;
  const where = table.key.map((name, index) => {
    const type = table.columns.find((one) => one.name === name)?.castType;
    return `t.${escapeIdentifier(name)} ${table.keyEquality[index]} CAST(($1::text[])[${index + 1}] AS ${type})`;
  });
  const { rows } = await client.query<{ now: string | null; left: string | null }>(
    `SELECT ${outputOf('t', column)} AS now, (CASE WHEN cardinality(c.written) = 0 THEN c.old ELSE c.new END)[$2::int] AS left FROM ${target(table)} t, recant.change c WHERE ${where.join(' AND ')} AND c.ordinal = $3::bigint`,
    [row.key, position + 1, change.ordinal],
  );
  const [found] = rows;
  if (found === undefined || isLong(found.now) || isLong(found.left)) return undefined;
  return { now: textOf(found.now), left: textOf(found.left) };
}

const isLong = (value: string | null): boolean => value !== null && value.length > VALUE_CHARS_MAX;
const textOf = (value: string | null): string => (value === null ? 'NULL' : `'${value}'`);
