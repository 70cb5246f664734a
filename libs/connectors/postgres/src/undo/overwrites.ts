import type { Finding } from '@recant/connector';
import type { ClientBase } from 'pg';
import { EXISTS, partOfColumn } from '../resource.ts';
import type { Overwritable, RowGoal, StepGoal } from './goal.ts';
import { type LaterWrites, laterWriteOf, laterWritesOf, writerOf } from './later-writes.ts';
import type { Versions } from './live.ts';
import type { Registry } from './registry.ts';

/**
 * Nothing is overwritten whose last write the target did not capture, nor after a write that the person has not seen, nor a row that is gone (nothing to put the value
 * into), nor one that got another key.
 */
export function overwritableIn(
  { overwrites }: Pick<StepGoal, 'overwrites'>,
  row: RowGoal,
  live: Versions | undefined,
  later: LaterWrites,
): Overwritable {
  const comesBack = typeof row.parts.get(EXISTS)?.before === 'string';
  const isOutOfReach = (live === undefined && !comesBack) || row.effects.some(({ pair }) => pair !== null);
  if (overwrites === undefined || isOutOfReach) return () => undefined;
  return (part, found) => {
    const write = laterWriteOf(row, part, later);
    if (write === undefined || write.key === null) return undefined;
    const isMeant = (one: Exclude<typeof overwrites, 'any'>[number]): boolean =>
      one.resource === row.resource && one.part === part && one.version === found && write.ordinal <= BigInt(one.through);
    if (overwrites !== 'any' && !overwrites.some(isMeant)) return undefined;
    const who = writerOf(write);
    return {
      resource: row.resource,
      part,
      code: 'overwritten',
      detail: `Overwritten: written later by ${who}.`,
      expected: row.parts.get(part)?.after ?? null,
      found,
      writer: { who, ordinal: write.ordinal.toString() },
    };
  };
}

/** Images of logins that are no agents are not kept: then only who wrote the part, and when, is known. */
const LEFT_SQL = `SELECT u.n::int AS n, c.ordinal::text, c.old IS NULL AND c.new IS NULL AS unknown, CASE WHEN c.new IS NOT NULL OR c.operation = 'u'
  THEN (recant.versions_of(ARRAY[u.type], ARRAY[(CASE WHEN c.new IS NULL THEN c.old ELSE c.new END)[u.position]]))[1] END AS version
FROM unnest($1::bigint[], $2::text[], $3::int[], $4::int[]) u(ordinal, type, position, n) JOIN recant.change c ON c.ordinal = u.ordinal`;

/**
 * Of the parts that would be overwritten: those whose live value is known to be none that a captured write left. Somebody changed them past the capture, so that
 * nobody knows whose they are.
 */
export async function uncapturedValues(
  client: ClientBase,
  registry: Registry,
  goal: StepGoal,
  later: LaterWrites,
  accepted: readonly Finding[],
): Promise<readonly Finding[]> {
  const asked = accepted.filter(({ code, expected, found, part }) => code === 'overwritten' && found !== expected && part !== EXISTS);
  const left = asked.flatMap(({ resource, part }, n) => {
    const row = goal.rows.get(resource);
    const column = row?.captured.table.columns.find(({ name }) => partOfColumn(name) === part);
    if (row === undefined || column === undefined) return [];
    return laterWritesOf(row, part, later).flatMap(({ ordinal, shape: id }) => {
      const shape = id === null ? undefined : registry.shape(id);
      const position = shape?.columns.indexOf(column.name) ?? -1;
      return shape === undefined || position < 0
        ? []
        : [{ n, ordinal: ordinal.toString(), type: shape.types[position], position: position + 1 }];
    });
  });
  if (asked.length === 0) return [];
  const { rows } = await client.query<{ n: number; ordinal: string; unknown: boolean; version: string | null }>(LEFT_SQL, [
    left.map(({ ordinal }) => ordinal),
    left.map(({ type }) => type),
    left.map(({ position }) => position),
    left.map(({ n }) => n),
  ]);
  const known = new Set(
    rows.flatMap(({ n, ordinal, unknown, version }) =>
      !unknown || ordinal === asked[n]?.writer?.ordinal ? [JSON.stringify([n, unknown ? 'any' : version])] : [],
    ),
  );
  return asked
    .filter(({ found }, n) => !known.has(JSON.stringify([n, found])) && !known.has(JSON.stringify([n, 'any'])))
    .map(({ writer: _writer, ...finding }) => ({
      ...finding,
      code: 'drift',
      detail: 'Changed since, and the target captured no such change: it is not overwritten, because nobody knows whose it is.',
    }));
}
