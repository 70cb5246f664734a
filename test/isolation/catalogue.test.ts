import { type TestDatabase, testLedgerDatabase } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** Tables of the whole ledger, without data of tenants except their names. */
const SHARED_TABLES = ['tenant'];

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await testLedgerDatabase();
  client = new pg.Client({ connectionString: database.ownerUrl });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const rowsOf = async (text: string): Promise<Record<string, unknown>[]> => (await client.query(text)).rows;
const TABLES = `SELECT c.oid, c.relname AS name, c.relrowsecurity AS secured, c.relkind AS kind,
    EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull) AS of_tenant
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'recant' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`;

test('I10: every table has a tenant, and row-level security that shows a reader only its own rows', async () => {
  const tables =
    await rowsOf(`SELECT t.*, (SELECT json_agg(json_build_object('name', p.polname, 'cmd', p.polcmd, 'permissive', p.polpermissive,
      'roles', p.polroles::regrole[]::text[], 'using', pg_get_expr(p.polqual, p.polrelid)) ORDER BY p.polname) FROM pg_policy p WHERE p.polrelid = t.oid) AS policies
    FROM (${TABLES}) t ORDER BY t.name`);
  expect(tables.filter(({ of_tenant }) => !of_tenant).map(({ name }) => name)).toEqual(SHARED_TABLES);
  const ofTenants = tables.filter(({ of_tenant }) => of_tenant);
  expect(ofTenants.length).toBeGreaterThan(20);
  const using = `(tenant_id = current_setting('recant.tenant'::text, true))`;
  for (const { name, secured, kind, policies } of ofTenants)
    expect({ name, secured, kind, policies }).toEqual({
      name,
      secured: true,
      kind: 'r',
      policies: [
        { name: 'all_tenants', cmd: '*', permissive: true, roles: ['recant_writer'], using: 'true' },
        { name: 'one_tenant', cmd: 'r', permissive: true, roles: ['recant_reader'], using },
      ],
    });
});

test('I10: every unique key and every foreign key contains the tenant', async () => {
  const keys = await rowsOf(`SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN (${TABLES}) t ON t.oid = i.indrelid
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indisunique AND t.of_tenant AND a.attname <> 'tenant_id'`);
  expect(keys).toEqual([]);
  const references = await rowsOf(`SELECT conname AS name FROM pg_constraint WHERE contype = 'f' AND connamespace = 'recant'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = conrelid AND a.attnum = conkey[1] AND a.attname = 'tenant_id')`);
  expect(references).toEqual([]);
});

test('I10: a SECURITY DEFINER function that a reader may call is bound to the tenant of its transaction', async () => {
  const functions = await rowsOf(`SELECT p.proname AS name, p.prosrc AS body, p.proconfig::text[] AS config FROM pg_proc p
    WHERE p.pronamespace = 'recant'::regnamespace AND p.prosecdef AND has_function_privilege('recant_reader', p.oid, 'EXECUTE')`);
  expect(functions.length).toBeGreaterThan(2);
  for (const { name, body, config } of functions) {
    expect(String(body), String(name)).toMatch(/tenant_id = current_setting\('recant\.tenant', true\)/);
    expect(config, String(name)).toEqual(['search_path=pg_catalog, pg_temp']);
  }
});

test('I10: a reader sees nothing before its transaction names a tenant', async () => {
  await client.query('SET session_replication_role = replica');
  await client.query(
    "INSERT INTO recant.plan (tenant_id, id, digest, mode, header, summary, counts, key_id) VALUES ('acme', 'p', decode(repeat('00', 32), 'hex'), 'skip', '', '', '{}', '')",
  );
  await client.query('BEGIN; SET LOCAL ROLE recant_reader');
  const before = await rowsOf('SELECT id FROM recant.plan');
  await client.query("SET LOCAL recant.tenant = 'globex'");
  const other = await rowsOf('SELECT id FROM recant.plan');
  await client.query("SET LOCAL recant.tenant = 'acme'");
  const own = await rowsOf('SELECT id FROM recant.plan');
  await client.query('ROLLBACK');
  expect([before, other, own]).toEqual([[], [], [{ id: 'p' }]]);
});
