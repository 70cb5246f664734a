import { testLedgerDatabase } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * All privileges on all tables: a table without a row here fails. `own`: only rows of the transaction's tenant.
 * `UPDATE(a, b)`: only these columns. Superuser, owner and migrator have the same expectations, because the guards are triggers.
 */
const EXPECTED: Readonly<Record<string, { readonly owner: string; readonly writer: string; readonly reader: string }>> = {
  ...same(['entry', 'approval'], { owner: 'SELECT INSERT', writer: 'SELECT INSERT', reader: '' }),
  ...same(['source', 'dead_letter', 'attempt', 'settlement', 'effect', 'observed', 'effect_count', 'ruling', 'plan_item'], {
    owner: 'SELECT INSERT',
    writer: 'SELECT INSERT',
    reader: 'SELECT own',
  }),
  ...same(['checkpoint', 'anchored', 'cosignature', 'epoch', 'ledger_head', 'head_member', 'head_slot'], {
    owner: 'SELECT INSERT',
    writer: 'SELECT INSERT',
    reader: 'SELECT own',
  }),
  log: {
    owner: 'SELECT INSERT UPDATE',
    writer: 'SELECT INSERT UPDATE(epoch, frontier, received_at_last, root, size)',
    reader: 'SELECT own',
  },
  projected: { owner: 'SELECT INSERT UPDATE', writer: 'SELECT INSERT UPDATE(size)', reader: '' },
  tile: { owner: 'SELECT INSERT UPDATE', writer: 'SELECT INSERT UPDATE(hashes)', reader: 'SELECT own' },
  part: { owner: 'SELECT INSERT DELETE', writer: 'SELECT INSERT', reader: '' },
  tenant: { owner: 'SELECT INSERT UPDATE DELETE TRUNCATE', writer: 'SELECT INSERT', reader: '' },
  plan: { owner: 'SELECT INSERT UPDATE DELETE TRUNCATE', writer: 'SELECT INSERT', reader: 'SELECT own' },
  credential: { owner: 'SELECT INSERT UPDATE DELETE TRUNCATE', writer: 'SELECT INSERT UPDATE(expires_at, revoked_at)', reader: '' },
  system: {
    owner: 'SELECT INSERT UPDATE DELETE TRUNCATE',
    writer: 'SELECT INSERT UPDATE(connector, freezes, identity, options, updated_at) DELETE',
    reader: '',
  },
  kafka_position: {
    owner: 'SELECT INSERT UPDATE DELETE TRUNCATE',
    writer: 'SELECT INSERT UPDATE(cluster, next_offset, updated_at)',
    reader: '',
  },
  ...same(['log_watch', 'source_watch'], { owner: 'SELECT INSERT UPDATE DELETE TRUNCATE', writer: 'SELECT INSERT UPDATE', reader: '' }),
  erasure: { owner: 'SELECT INSERT UPDATE DELETE TRUNCATE', writer: 'SELECT INSERT UPDATE', reader: 'SELECT own' },
  freeze: {
    owner: 'SELECT INSERT UPDATE DELETE TRUNCATE',
    writer: 'SELECT INSERT UPDATE(effective_at, end_reason, ended_at, ended_by)',
    reader: 'SELECT own',
  },
  freeze_system: {
    owner: 'SELECT INSERT UPDATE DELETE TRUNCATE',
    writer: 'SELECT INSERT UPDATE(effective_at, seen_at, standing)',
    reader: 'SELECT own',
  },
  freeze_version: { owner: 'SELECT INSERT UPDATE DELETE TRUNCATE', writer: 'SELECT INSERT UPDATE(version)', reader: '' },
  fence: {
    owner: 'SELECT INSERT UPDATE DELETE TRUNCATE',
    writer: 'SELECT INSERT UPDATE(end_reason, ended_at, ended_by, expires_at)',
    reader: 'SELECT own',
  },
  fence_allow: {
    owner: 'SELECT INSERT UPDATE DELETE TRUNCATE',
    writer: 'SELECT INSERT UPDATE(used_at, used_event, used_source)',
    reader: 'SELECT own',
  },
  fence_hit: { owner: 'SELECT INSERT UPDATE DELETE TRUNCATE', writer: 'SELECT INSERT', reader: 'SELECT own' },
  lease: {
    owner: 'SELECT INSERT UPDATE DELETE TRUNCATE',
    writer: 'SELECT INSERT UPDATE(agent, applied, applied_at, ends_at) DELETE',
    reader: '',
  },
  alarm: {
    owner: 'SELECT INSERT UPDATE TRUNCATE',
    writer: 'SELECT INSERT UPDATE(acknowledged_at, acknowledged_by, action, detail, ended_at, expires_at)',
    reader: 'SELECT own',
  },
  webhook: {
    owner: 'SELECT INSERT UPDATE DELETE TRUNCATE',
    writer: 'SELECT INSERT UPDATE(codes, dropped, dropped_at, failing_since, failure, seen_at) DELETE',
    reader: '',
  },
  webhook_message: {
    owner: 'SELECT INSERT UPDATE DELETE TRUNCATE',
    writer: 'SELECT INSERT UPDATE(due_at, tries) DELETE',
    reader: '',
  },
  ...same(['run', 'run_step'], { owner: 'SELECT INSERT UPDATE DELETE TRUNCATE', writer: 'SELECT INSERT UPDATE', reader: 'SELECT own' }),
  ...same(['outbox', 'held_message'], {
    owner: 'SELECT INSERT UPDATE DELETE TRUNCATE',
    writer: 'SELECT INSERT DELETE',
    reader: '',
  }),
  run_resource: { owner: 'SELECT INSERT UPDATE DELETE TRUNCATE', writer: 'SELECT INSERT DELETE', reader: 'SELECT own' },
};

function same<T>(tables: readonly string[], value: T): Record<string, T> {
  return Object.fromEntries(tables.map((table) => [table, value]));
}

const ROLES = {
  postgres: 'owner',
  recant_owner: 'owner',
  recant_migrator: 'owner',
  recant_writer: 'writer',
  recant: 'writer',
  recant_reader: 'reader',
} as const;
const TENANTS = ['acme', 'other'] as const;

/** Column values of a generated row that its type alone does not determine. */
const VALUES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  alarm: { code: "'source_gap'" },
  approval: { kind: "'withdraw'", person: "'person:x'" },
  held_message: { reason: "'log'" },
  plan: { counts: "'{}'" },
  plan_item: { list: "'steps'", n: '1' },
  fence: { call_key: "decode(repeat('00', 32), 'hex')", resources: "'{}'" },
  freeze: { scope: "'agent'" },
  freeze_system: { standing: "'{}'" },
  log: { shard: '1', shards: '4' },
  observed: { named: 'true' },
  run: { state: "'queued'" },
  run_step: { state: "'pending'" },
  ruling: { outcome: "'failed'" },
  webhook_message: { ends: 'false' },
};

interface Table {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly needed: boolean }[];
}

describe('roles', () => {
  let database: Awaited<ReturnType<typeof testLedgerDatabase>>;
  let client: pg.Client;
  let tables: readonly Table[];
  beforeAll(async () => {
    database = await testLedgerDatabase();
    client = await connect(database.ownerUrl);
    const { rows } = await client.query(`SELECT c.relname AS name, json_agg(json_build_object('name', a.attname, 'type', t.typname,
        'needed', a.attnotnull AND NOT a.atthasdef) ORDER BY a.attnum) AS columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid
      WHERE c.relnamespace = 'recant'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') GROUP BY c.relname ORDER BY c.relname`);
    tables = rows;
    await client.query('SET session_replication_role = replica');
    for (const table of tables) for (const tenant of TENANTS) await client.query(insertInto(table, tenant));
    await client.query('RESET session_replication_role');
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  it('the table of expectations covers every table and no other', () => {
    expect(Object.keys(EXPECTED).sort()).toEqual(tables.map(({ name }) => name));
  });

  it.each(Object.entries(ROLES))('%s has the privileges on each table that the expectations list for %s', async (role, kind) => {
    const found: [string, string][] = [];
    for (const table of tables) found.push([table.name, await rightsOf(client, role, table)]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(Object.entries(EXPECTED).map(([name, by]) => [name, by[kind]])));
  });

  it('a reader without a tenant sees nothing, and through functions no more than through tables', async () => {
    await client.query('BEGIN; SET LOCAL ROLE recant_reader');
    for (const { name } of tables.filter((table) => EXPECTED[table.name]?.reader !== ''))
      expect((await client.query(`SELECT * FROM recant.${name}`)).rows, name).toEqual([]);
    const entries = "SELECT * FROM generate_series(1, 9) n, recant.read_entries(n, '', '~')";
    const numbers =
      'SELECT * FROM generate_series(1, 9) n, recant.source_numbers(n) UNION ALL SELECT n, first, last, 0, 0, 0, 0, 0, NULL, NULL, 0 FROM generate_series(1, 9) n, recant.source_holes(n, 9)';
    expect([(await client.query(entries)).rows, (await client.query(numbers)).rows]).toEqual([[], []]);
    await client.query('ROLLBACK');
  });

  it('I3: changes are refused by triggers in replica mode too, in which ordinary triggers do not fire', async () => {
    await client.query('SET session_replication_role = replica');
    for (const statement of [
      'UPDATE recant.entry SET leaf = leaf',
      'DELETE FROM recant.attempt',
      'TRUNCATE recant.dead_letter',
      'UPDATE recant.log SET size = size - 1',
    ])
      await expect(client.query(statement), statement).rejects.toMatchObject({ code: '42501' });
    await client.query('RESET session_replication_role');
  });

  it.each([
    'DROP SCHEMA recant CASCADE',
    'DROP TABLE recant.effect',
    'DROP TRIGGER append_only ON recant.entry',
    'DROP POLICY one_tenant ON recant.attempt',
    'DROP FUNCTION recant.refuse_change() CASCADE',
    'ALTER TABLE recant.entry DISABLE TRIGGER append_only',
    'ALTER TABLE recant.entry ENABLE TRIGGER append_only',
    'ALTER TABLE recant.attempt DISABLE ROW LEVEL SECURITY',
    'ALTER TABLE recant.dead_letter DROP COLUMN bytes',
    "ALTER TABLE recant.entry ALTER COLUMN frame TYPE bytea USING 'rewritten'",
    'ALTER POLICY one_tenant ON recant.attempt USING (true)',
    'CREATE POLICY everybody ON recant.attempt USING (true)',
    "CREATE OR REPLACE FUNCTION recant.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    'SET session_replication_role = replica',
    'DROP EVENT TRIGGER recant_refuse_drop',
    'DROP FUNCTION recant_guard.refuse_ddl() CASCADE',
    'DROP SCHEMA recant_guard CASCADE',
  ])('prevent a member of the owner from: %s', async (statement) => {
    const login = `owner_${database.name}`;
    await client.query(`CREATE ROLE ${login} LOGIN PASSWORD 'x' IN ROLE recant_owner`);
    const member = await connect(Object.assign(new URL(database.ownerUrl), { username: login, password: 'x' }).href);
    try {
      await expect(member.query(statement)).rejects.toMatchObject({ code: '42501' });
    } finally {
      await member.end();
      await client.query(`DROP ROLE ${login}`);
    }
  });
});

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

function insertInto({ name, columns }: Table, tenant: string): string {
  const given = columns.filter((column) => column.needed || VALUES[name]?.[column.name] !== undefined);
  const values = given.map(({ name: column, type }) => {
    if (column === 'tenant_id' || (name === 'tenant' && column === 'id')) return `'${tenant}'`;
    return VALUES[name]?.[column] ?? sampleOf(type);
  });
  return `INSERT INTO recant.${name} (${given.map((column) => `"${column.name}"`).join(', ')}) VALUES (${values.join(', ')})`;
}

function sampleOf(type: string): string {
  if (/^int|^numeric/.test(type)) return '2';
  const values: Record<string, string> = {
    text: "'x'",
    bytea: "decode(repeat('00', 32), 'hex')",
    timestamptz: 'now()',
    uuid: 'gen_random_uuid()',
  };
  return values[type] ?? 'NULL';
}

/** Tries each operation as the role and rolls it back. */
async function rightsOf(client: pg.Client, role: string, { name, columns }: Table): Promise<string> {
  const may = async (statement: string): Promise<boolean> => (await attempt(client, role, statement)) !== undefined;
  const rights: string[] = [];
  const tenant = name === 'tenant' ? 'id' : 'tenant_id';
  const seen = await attempt(client, role, `SELECT DISTINCT "${tenant}" AS tenant FROM recant.${name} ORDER BY 1`);
  if (seen !== undefined) rights.push(JSON.stringify(seen.map((row) => row['tenant'])) === '["acme"]' ? 'SELECT own' : 'SELECT');
  if (seen !== undefined && role !== 'recant_reader') expect(seen).toHaveLength(TENANTS.length);
  if (await may(`INSERT INTO recant.${name} DEFAULT VALUES`)) rights.push('INSERT');
  const changed: string[] = [];
  for (const column of columns) if (await may(`UPDATE recant.${name} SET "${column.name}" = "${column.name}"`)) changed.push(column.name);
  if (changed.length > 0) rights.push(changed.length === columns.length ? 'UPDATE' : `UPDATE(${changed.sort().join(', ')})`);
  if (await may(`DELETE FROM recant.${name}`)) rights.push('DELETE');
  if (await may(`TRUNCATE recant.${name}`)) rights.push('TRUNCATE');
  return rights.join(' ');
}

/** Undefined if the database refuses the operation (SQLSTATE 42501, or RC001 of a tile); errors about values do not count. */
async function attempt(client: pg.Client, role: string, statement: string): Promise<readonly Record<string, unknown>[] | undefined> {
  await client.query(`BEGIN; SET LOCAL recant.tenant = 'acme'; SET LOCAL ROLE ${role}`);
  try {
    return (await client.query(statement)).rows;
  } catch (error) {
    const { code } = error as { code: string };
    return code === '42501' || code === 'RC001' ? undefined : [];
  } finally {
    await client.query('ROLLBACK');
  }
}
