import type { Finding } from '@recant/connector';
import type { ClientBase } from 'pg';
import type { RowGoal } from './goal.ts';
import type { CapturedTable } from './registry.ts';

/**
 * Code that an inverse would run and that an agent's login owns or can replace: triggers, rules, policies, defaults, checks and the functions
 * they call, on the written tables and on those that foreign keys reach. It would run with the rights of the undo login. A superuser owns
 * everything and is a way round that `connect` lists, so only what it really owns counts. Calls inside a function's body are not seen.
 */
const AGENT_CODE_SQL = `
WITH RECURSIVE written AS (
  SELECT r.relid AS seed, r.relid FROM unnest($1::oid[]) r(relid)
  UNION SELECT w.seed, k.conrelid FROM written w JOIN pg_constraint k ON k.confrelid = w.relid AND k.contype = 'f'
    AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
), member AS (
  SELECT w.seed, p.relid FROM written w CROSS JOIN LATERAL (SELECT t.relid::oid FROM pg_partition_tree(w.relid) t UNION SELECT w.relid) p(relid)
), code AS (
  SELECT t.tgrelid AS relid, 'trigger ' || t.tgname AS what, p.proowner AS owner FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
  UNION ALL SELECT w.ev_class, 'rule ' || w.rulename, c.relowner FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class WHERE w.ev_type <> '1'
  UNION ALL SELECT p.polrelid, 'policy ' || p.polname, c.relowner FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
  UNION ALL SELECT o.relid, 'function ' || p.proname, p.proowner FROM (
      SELECT adrelid AS relid, 'pg_attrdef'::regclass AS class, oid FROM pg_attrdef
      UNION ALL SELECT conrelid, 'pg_constraint'::regclass, oid FROM pg_constraint
      UNION ALL SELECT polrelid, 'pg_policy'::regclass, oid FROM pg_policy
      UNION ALL SELECT ev_class, 'pg_rewrite'::regclass, oid FROM pg_rewrite
      UNION ALL SELECT tgrelid, 'pg_trigger'::regclass, oid FROM pg_trigger WHERE NOT tgisinternal
      UNION ALL SELECT indrelid, 'pg_class'::regclass, indexrelid FROM pg_index) o
    JOIN pg_depend d ON d.classid = o.class AND d.objid = o.oid AND d.refclassid = 'pg_proc'::regclass JOIN pg_proc p ON p.oid = d.refobjid
)
SELECT DISTINCT m.seed::int8 AS relid, c.what, m.relid::regclass::text AS "table", r.rolname AS login
FROM member m JOIN code c ON c.relid = m.relid JOIN recant.agent a ON true JOIN pg_roles r ON r.rolname = a.login
WHERE CASE WHEN r.rolsuper THEN r.oid = c.owner ELSE pg_has_role(r.oid, c.owner, 'MEMBER') END ORDER BY 1, 3, 2`;

/** By relation id: what an agent could have an inverse of its rows run. */
export type AgentCode = ReadonlyMap<number, string>;

export async function readAgentCode(client: ClientBase, tables: readonly CapturedTable[]): Promise<AgentCode> {
  const { rows } = await client.query<{ relid: string; what: string; table: string; login: string }>(AGENT_CODE_SQL, [
    tables.map(({ table }) => table.relid),
  ]);
  const relations = new Map(tables.map(({ relation, table }) => [table.relid, relation]));
  const found = new Map<number, string>();
  for (const { relid, what, table, login } of rows) {
    const relation = relations.get(Number(relid));
    if (relation !== undefined && !found.has(relation))
      found.set(
        relation,
        `Undoing would run code that agent login ${login} owns or can replace: ${what} of ${table}. Give it another owner.`,
      );
  }
  return found;
}

/** One finding for each table. */
export function agentCodeFindings(rows: Iterable<RowGoal>, code: AgentCode): Finding[] {
  const findings = new Map<number, Finding>();
  for (const { captured, resource, parts } of rows) {
    const detail = code.get(captured.relation);
    if (detail !== undefined && !findings.has(captured.relation))
      findings.set(captured.relation, { resource, part: [...parts.keys()][0] ?? 'exists', code: 'agent_code', detail });
  }
  return [...findings.values()];
}
