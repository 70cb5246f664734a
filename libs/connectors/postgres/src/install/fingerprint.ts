import type { ClientBase } from 'pg';

/**
 * Digest of each table and function of schema `recant`, by name: definition, owner and rights. `connect` stores it in `recant.system`, where
 * only its owner can change it; the service compares.
 */
const OBJECTS_SQL = `
SELECT 'table recant.' || c.relname AS object, md5(concat_ws('|', c.relkind, pg_get_userbyid(c.relowner), c.relrowsecurity,
    (SELECT string_agg(concat_ws(' ', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef), ',' ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT string_agg(concat_ws(' ', x.conname, pg_get_constraintdef(x.oid)), ',' ORDER BY x.conname) FROM pg_constraint x WHERE x.conrelid = c.oid),
    (SELECT string_agg(t.tgname, ',' ORDER BY t.tgname) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
    (SELECT string_agg(w.rulename, ',' ORDER BY w.rulename) FROM pg_rewrite w WHERE w.ev_class = c.oid))) AS digest
FROM pg_class c WHERE c.relnamespace = to_regnamespace('recant') AND c.relkind IN ('r', 'v')
UNION ALL
SELECT 'function ' || p.oid::regprocedure::text, md5(concat_ws('|', p.prosrc, pg_get_userbyid(p.proowner), p.prosecdef, p.proconfig::text, p.proacl::text))
FROM pg_proc p WHERE p.pronamespace = to_regnamespace('recant')`;

export async function storeFingerprint(client: ClientBase): Promise<void> {
  await client.query(`UPDATE recant.system SET objects = (SELECT jsonb_object_agg(o.object, o.digest) FROM (${OBJECTS_SQL}) o)`);
}

/** Objects that differ from what \`connect\` left, or are gone: \`table change\`, \`function recant.absorb()\`. */
export async function alteredObjects(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ object: string }>(
    `SELECT e.key AS object FROM recant.system y, jsonb_each_text(y.objects) e LEFT JOIN (${OBJECTS_SQL}) o ON o.object = e.key
     WHERE o.digest IS DISTINCT FROM e.value ORDER BY 1`,
  );
  return rows.map(({ object }) => object);
}

/** Functions are replaced by each \`connect\`; an altered table is not repaired. */
export async function alteredTables(client: ClientBase): Promise<string[]> {
  return (await alteredObjects(client)).filter((object) => object.startsWith('table ')).map((object) => object.slice('table '.length));
}
