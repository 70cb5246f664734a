import type { CoverageFinding } from '@recant/connector';
import type { ClientBase } from 'pg';
import { CONNECTOR, tableScope } from '../resource.ts';
import { alteredObjects } from './fingerprint.ts';
import { openHoles } from './holes.ts';
import { TRIGGERS_SQL } from './triggers.ts';

const AGAIN = 'Run "recant connect postgres" again.';

/** What the catalogue says of each captured table, its partitions, and tables that are in no list. Reads no table that others write. */
export async function readCoverage(client: ClientBase, system: string): Promise<readonly CoverageFinding[]> {
  const scope = ({ schema, table }: Place) => tableScope(system, schema, table);
  const findings: CoverageFinding[] = [];
  for (const row of (await client.query<Place>(UNCOVERED_SQL)).rows)
    findings.push({ code: 'table_uncovered', scope: scope(row), detail: `Table ${nameOf(row)} is new and not captured.`, action: AGAIN });
  for (const row of (await client.query<Place & { replaced: boolean }>(GONE_SQL)).rows)
    findings.push({
      code: row.replaced ? 'table_replaced' : 'table_dropped',
      scope: scope(row),
      detail: row.replaced
        ? `Table ${nameOf(row)} was dropped and created again: the new one is not captured, and attempts on the old one cannot be undone.`
        : `Table ${nameOf(row)} was dropped: attempts on it cannot be undone.`,
      action: AGAIN,
    });
  for (const row of (await client.query<Place & { now: string }>(SWAPPED_SQL)).rows)
    findings.push({
      code: 'table_replaced',
      scope: scope(row),
      detail: `Another table has the name ${nameOf(row)}, which is not captured: the captured one is ${row.now} now, and attempts on it are undone there.`,
      action: AGAIN,
    });
  for (const row of (await client.query<TriggerRow>(`${TRIGGERS_SQL} ORDER BY schema, "table", kind, member`)).rows)
    findings.push({
      code: row.enabled === null ? 'trigger_missing' : row.enabled === 'A' ? 'trigger_changed' : 'trigger_disabled',
      scope: scope(row),
      detail: `${row.kind === 'row' ? 'Changes' : 'TRUNCATE'} of ${row.member} ${row.enabled === null ? 'is' : 'may'} ${row.enabled === null ? 'not captured: its trigger is missing' : `be uncaptured: its trigger is ${row.enabled === 'A' ? 'changed' : 'disabled'}`}.`,
      action: AGAIN,
    });
  for (const row of (await client.query<Place>(KEYS_SQL)).rows)
    findings.push({
      code: 'table_altered',
      scope: scope(row),
      detail: `The key of ${nameOf(row)} is another one than at connect.`,
      action: AGAIN,
    });
  findings.push(...(await openHoles(client, system)).map(({ id: _, ...finding }) => finding), ...(await wholeSystem(client, system)));
  return findings;
}

/** What concerns every table. */
async function wholeSystem(client: ClientBase, system: string): Promise<CoverageFinding[]> {
  const scope = `${CONNECTOR}://${system}/`;
  const altered = await alteredObjects(client);
  const { rows: levels } = await client.query<{ level: string | null }>(
    `SELECT pg_sequence_last_value('recant.queue_level')::text AS level`,
  );
  const level = Number(levels[0]?.level ?? 1);
  const { rows: publications } = await client.query<{ name: string }>(
    `SELECT DISTINCT pubname AS name FROM pg_publication_tables WHERE schemaname = 'recant' ORDER BY 1`,
  );
  return [
    ...(level === 1
      ? []
      : [
          {
            code: 'coverage_lost' as const,
            ...(level > 2 && { scope }),
            detail: `The queue of captured changes is at its limit: agents' writes are refused${level > 2 ? ', others are not captured' : ''}.`,
            action: 'Look in /v1/health why the drain does not empty it.',
          },
        ]),
    ...(altered.length === 0
      ? []
      : [{ code: 'capture_altered' as const, scope, detail: `The capture was altered: ${altered.join(', ')}.`, action: AGAIN }]),
    ...publications.map(({ name }) => ({
      code: 'publication' as const,
      detail: `Publication ${name} sends schema "recant", images included, to its subscribers.`,
      action: `Take schema "recant" out of publication ${name}.`,
    })),
  ];
}

interface Place {
  readonly schema: string;
  readonly table: string;
}
interface TriggerRow extends Place {
  readonly kind: 'row' | 'truncate';
  /** The table or partition. */
  readonly member: string;
  /** NULL: missing. */
  readonly enabled: string | null;
}

const nameOf = ({ schema, table }: Place): string => `${schema}.${table}`;

const UNCOVERED_SQL = `
SELECT n.nspname AS schema, c.relname AS "table" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND (NOT c.relispartition OR c.relkind = 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'recant') AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM recant.relation r WHERE r.relid = c.oid AND r.captured) AND NOT EXISTS (SELECT FROM recant.uncovered u WHERE u.relid = c.oid)
  AND NOT EXISTS (SELECT FROM recant.relation r WHERE r.captured AND (r.schema_name, r.table_name) = (n.nspname, c.relname))
ORDER BY 1, 2`;
const GONE_SQL = `
SELECT r.schema_name AS schema, r.table_name AS "table", to_regclass(format('%I.%I', r.schema_name, r.table_name)) IS NOT NULL AS replaced
FROM recant.relation r WHERE r.captured AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relid) ORDER BY 1, 2`;
/** Renamed, and another table under the old name. A view under it writes into a captured table. */
const SWAPPED_SQL = `
SELECT r.schema_name AS schema, r.table_name AS "table", r.relid::regclass::text AS now FROM recant.relation r JOIN pg_class c ON c.oid = r.relid
JOIN pg_class o ON o.oid = to_regclass(format('%I.%I', r.schema_name, r.table_name)) WHERE r.captured AND o.oid <> r.relid AND o.relkind IN ('r', 'p', 'f')
  AND NOT EXISTS (SELECT FROM recant.relation w WHERE w.captured AND w.relid = o.oid) AND NOT EXISTS (SELECT FROM recant.uncovered u WHERE u.relid = o.oid) ORDER BY 1, 2`;
const KEYS_SQL = `
SELECT n.nspname AS schema, c.relname AS "table" FROM recant.relation r JOIN pg_class c ON c.oid = r.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.captured AND r.key_columns IS NOT NULL AND NOT EXISTS (
  SELECT FROM pg_index d WHERE d.indrelid = c.oid AND d.indisunique AND d.indisvalid AND d.indpred IS NULL AND d.indexprs IS NULL
    AND (d.indkey::int2[])[0:d.indnkeyatts - 1]::int[] = r.key_columns) ORDER BY 1, 2`;
