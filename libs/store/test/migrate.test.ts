import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { testDatabase } from '@recant/test-support';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { migrate } from '../src/index.ts';
import { noFilters, openSchemaEngine, readSchema } from '../src/migration/engine.ts';

const folder = new URL('../../../prisma/migrations/', import.meta.url);
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** The SQL with which Prisma would create the model. Its engine cannot read an existing database through this adapter ("char" columns of the catalogue). */
async function scriptOfModel(url: string): Promise<string> {
  const schema = await readSchema();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { engine, close } = await openSchemaEngine(url, schema, client);
  try {
    const to = { tag: 'schemaDatamodel' as const, files: [{ path: 'schema.prisma', content: schema }] };
    return (await engine.diff({ from: { tag: 'empty' }, to, script: true, exitCode: null, filters: noFilters })).stdout ?? '';
  } finally {
    await close();
    await client.end();
  }
}

/** What Prisma can express: columns with type, nullability and default; keys and indexes of columns, without predicates and INCLUDE; foreign keys. */
const SHAPE = `SELECT 'column' AS kind, c.relname || '.' || a.attname AS name,
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) AS definition
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.relnamespace = 'recant'::regnamespace AND c.relkind = 'r'
  UNION ALL SELECT 'index', c.relname, regexp_replace(pg_get_indexdef(c.oid), ' (INCLUDE|WHERE) .*$', '')
  FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relnamespace = 'recant'::regnamespace AND i.indexprs IS NULL
  UNION ALL SELECT 'key', conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'recant'::regnamespace AND contype IN ('p', 'f', 'u')
  ORDER BY 1, 2, 3`;

describe('migrations', () => {
  it('apply in process, record the checksums of their files, and are not applied twice', async () => {
    await using database = await testDatabase();
    const [first, concurrent] = await Promise.all([migrate(database.ownerUrl), migrate(database.ownerUrl)]);
    expect([...first, ...concurrent].sort()).toEqual(names);
    expect(await migrate(database.ownerUrl)).toEqual([]);
    const rows = await query(
      database.ownerUrl,
      'SELECT migration_name, checksum, finished_at IS NOT NULL AS done, rolled_back_at FROM _prisma_migrations ORDER BY 1',
    );
    expect(rows).toEqual(
      names.map((name) => ({
        migration_name: name,
        checksum: hash('sha256', readFileSync(new URL(`${name}/migration.sql`, folder))),
        done: true,
        rolled_back_at: null,
      })),
    );
  });

  it("give the database that Prisma's model describes", async () => {
    await using migrated = await testDatabase();
    await using modelled = await testDatabase();
    await migrate(migrated.ownerUrl);
    await query(modelled.ownerUrl, await scriptOfModel(modelled.ownerUrl));
    const shapes = await Promise.all([migrated, modelled].map(({ ownerUrl }) => query(ownerUrl, SHAPE)));
    expect(shapes[0]?.length).toBeGreaterThan(100);
    expect(shapes[0]).toEqual(shapes[1]);
  });

  it('start every unique key with the tenant', async () => {
    await using database = await testDatabase();
    await migrate(database.ownerUrl);
    const keys = await query(
      database.ownerUrl,
      `SELECT i.indexrelid::regclass::text AS name, a.attname::text AS first FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indisunique AND c.relnamespace = 'recant'::regnamespace`,
    );
    expect(keys.length).toBeGreaterThan(10);
    expect(keys.filter(({ name, first }) => first !== 'tenant_id' && name !== 'recant.tenant_pkey')).toEqual([]);
  });

  it('let the service add records but never alter them', async () => {
    await using database = await testDatabase();
    await migrate(database.ownerUrl);
    for (const table of ['entry', 'dead_letter', 'attempt', 'settlement', 'effect', 'observed', 'effect_count', 'source', 'part']) {
      for (const statement of [`UPDATE recant.${table} SET tenant_id = 'x'`, `DELETE FROM recant.${table}`, `TRUNCATE recant.${table}`]) {
        await expect(query(database.url, statement)).rejects.toMatchObject({ code: '42501' });
      }
    }
    await expect(query(database.url, 'DELETE FROM recant.log')).rejects.toMatchObject({ code: '42501' });
  });

  it.each([
    ['postgres://nobody:wrong@', 'access_refused'],
    ['', 'url_invalid'],
    ['mysql://127.0.0.1/x', 'url_invalid'],
    ['postgres://127.0.0.1:1/nowhere', 'unreachable'],
  ])('report %s in one line', async (url, code) => {
    await using database = await testDatabase();
    const server = new URL(database.ownerUrl);
    const wrong = url.endsWith('@') ? `${url}${server.host}/${database.name}` : url;
    const error = await migrate(wrong).catch((caught) => caught);
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(/^[^\n]{20,200}$/);
    expect(error.message).not.toContain('wrong@');
  });
});
