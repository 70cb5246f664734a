import type { ClientBase } from 'pg';
import { type Table, tableName } from './catalogue.ts';

/** Rows of a table that are data of one person each: `customer/{customer_id}` names the subject, with one column in braces. */
export interface SubjectPattern {
  /** `schema.table` */
  readonly table: string;
  readonly pattern: string;
}

const PATTERN = /^([^{}]*)\{([^{}]+)\}([^{}]*)$/;

/** What is wrong with these patterns. */
export function subjectProblems(tables: readonly Table[], patterns: readonly SubjectPattern[] = []): string[] {
  return patterns.flatMap((one) => placeOf(one, tables).problem ?? []);
}

/** Which rows erasing a subject reaches. Undefined: as before. */
export async function writeSubjects(
  client: ClientBase,
  tables: readonly Table[],
  patterns: readonly SubjectPattern[] | undefined,
): Promise<void> {
  if (patterns === undefined) return;
  const read = patterns.map((one) => placeOf(one, tables));
  await client.query('DELETE FROM recant.subject');
  for (const { relid, attribute, prefix, suffix } of read)
    await client.query('INSERT INTO recant.subject VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING', [relid, attribute, prefix, suffix]);
}

interface Place {
  readonly relid?: number;
  readonly attribute?: number;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly problem?: string;
}

function placeOf({ table: name, pattern }: SubjectPattern, tables: readonly Table[]): Place {
  const [, prefix, column, suffix] = PATTERN.exec(pattern) ?? [];
  if (column === undefined) return { problem: `subject ${name}: expected one column in braces (customer/{id}), got ${pattern}` };
  const table = tables.find((one) => tableName(one) === name);
  if (table === undefined) return { problem: `subject ${name}: no such captured table` };
  if (table.key.length === 0) return { problem: `subject ${name}: the table has no key, so that no images of it exist` };
  const attribute = table.columns.find((one) => one.name === column)?.attnum;
  if (attribute === undefined) return { problem: `subject ${name}: no column ${column}` };
  return { relid: table.relid, attribute, prefix: prefix ?? '', suffix: suffix ?? '' };
}

/** As they are installed. */
export async function readSubjects(client: ClientBase): Promise<SubjectPattern[]> {
  const { rows } = await client.query<SubjectPattern>(
    `SELECT r.schema_name || '.' || r.table_name AS table, s.prefix || '{' || a.attname || '}' || s.suffix AS pattern FROM recant.subject s
     JOIN recant.relation r ON r.relid = s.relid JOIN pg_attribute a ON a.attrelid = s.relid AND a.attnum = s.attribute AND NOT a.attisdropped ORDER BY 1, 2`,
  );
  return rows;
}
