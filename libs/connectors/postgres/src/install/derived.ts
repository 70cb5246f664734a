import type { ClientBase } from 'pg';
import type { Table } from './catalogue.ts';

/** A column that the target computes, and how it was recognised. */
export interface DerivedColumn {
  readonly column: string;
  readonly because: string;
}

const TRIGGERS_SQL = `
SELECT t.tgrelid::int8 AS relid, t.tgname AS name, p.proname AS function, p.prosrc AS source, (t.tgtype & 2) <> 0 AS before, (t.tgtype & 1) <> 0 AS "perRow",
  encode(t.tgargs, 'escape') AS arguments, l.lanname AS language
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE NOT t.tgisinternal AND n.nspname <> 'recant' AND t.tgenabled <> 'D'`;

interface TriggerRow {
  readonly relid: string;
  readonly name: string;
  readonly function: string;
  readonly source: string;
  readonly before: boolean;
  readonly perRow: boolean;
  readonly arguments: string;
  readonly language: string;
}

/** Trigger functions in C whose first argument is the column that they set: moddatetime, tsvector_update_trigger and its column variant. */
const SETS_FIRST_ARGUMENT = new Set(['moddatetime', 'tsvector_update_trigger', 'tsvector_update_trigger_column']);

/**
 * Columns that the target computes itself: generated ones, those that a BEFORE trigger of the table assigns (`NEW.updated_at := now()`), and
 * those that a trigger of another table updates (counters). Read from the triggers' source text, so it is a proposal that the operator changes.
 */
export async function findDerived(client: ClientBase, tables: readonly Table[]): Promise<ReadonlyMap<number, readonly DerivedColumn[]>> {
  const { rows } = await client.query<TriggerRow>(TRIGGERS_SQL);
  const found = new Map(tables.map((table) => [table.relid, new Map<string, string>()]));
  for (const table of tables) {
    const columns = found.get(table.relid);
    for (const { name, generated } of table.columns) if (generated) columns?.set(name, 'generated column');
    for (const trigger of rows) {
      const own = Number(trigger.relid) === table.relid;
      const assigned = own && trigger.before && trigger.perRow ? assignedBy(trigger) : own ? [] : updatedBy(trigger, table);
      for (const name of assigned) {
        if (!columns?.has(name) && table.columns.some((column) => column.name === name))
          columns?.set(name, `set by trigger ${trigger.name}`);
      }
    }
    for (const name of table.key) columns?.delete(name);
  }
  return new Map([...found].map(([relid, columns]) => [relid, [...columns].map(([column, because]) => ({ column, because }))]));
}

const NAME = String.raw`(?:"((?:[^"]|"")+)"|([A-Za-z_][\w$]*))`;
const nameOf = (quoted: string | undefined, plain: string | undefined): string =>
  quoted === undefined ? (plain ?? '').toLowerCase() : quoted.replaceAll('""', '"');

function assignedBy({ function: name, source, arguments: list, language }: TriggerRow): string[] {
  if (language === 'c') return SETS_FIRST_ARGUMENT.has(name) ? [list.split('\\000')[0] ?? ''] : [];
  const assignments = withoutComments(source).matchAll(new RegExp(String.raw`\bnew\s*\.\s*${NAME}\s*:?=(?!=)`, 'gi'));
  const into = withoutComments(source).matchAll(new RegExp(String.raw`\binto\s+new\s*\.\s*${NAME}`, 'gi'));
  return [...assignments, ...into].filter((match) => !isComparison(source, match)).map(([, quoted, plain]) => nameOf(quoted, plain));
}

/** `IF NEW.x = OLD.x` compares: an assignment stands at the start of a statement. */
function isComparison(source: string, match: RegExpExecArray): boolean {
  if (match[0].includes(':=') || /^into/i.test(match[0])) return false;
  const before = withoutComments(source).slice(0, match.index).trimEnd();
  return !/(;|\b(begin|then|else|loop|declare))$/i.test(before) && before !== '';
}

/** Columns that `UPDATE <table> SET a = ..., b = ...` in the function assigns. */
function updatedBy({ source, language }: TriggerRow, table: Table): string[] {
  if (language === 'c') return [];
  const updates = withoutComments(source).matchAll(
    new RegExp(
      String.raw`\bupdate\s+(?:only\s+)?(?:${NAME}\s*\.\s*)?${NAME}\s+(?:as\s+)?(?:(?!set\b)\w+\s+)?set\s+([\s\S]*?)(?:\bwhere\b|\bfrom\b|\breturning\b|;|$)`,
      'gi',
    ),
  );
  return [...updates]
    .filter(([, quotedSchema, schema, quoted, plain]) => {
      const named = quotedSchema ?? schema;
      return nameOf(quoted, plain) === table.name && (named === undefined || nameOf(quotedSchema, schema) === table.schema);
    })
    .flatMap(([, , , , , sets = '']) =>
      [...sets.matchAll(new RegExp(String.raw`(?:^|,)\s*${NAME}\s*=`, 'g'))].map(([, q, p]) => nameOf(q, p)),
    );
}

const withoutComments = (source: string): string => source.replaceAll(/--[^\n]*/g, '').replaceAll(/\/\*[\s\S]*?\*\//g, '');
