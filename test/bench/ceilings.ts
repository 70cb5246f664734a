import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

/** Entries of one transaction: what one fetched batch brings. */
const ENTRIES_PER_TRANSACTION = 1_000;
const TABLES = ['entry', 'attempt', 'settlement', 'effect'] as const;

export interface Ceilings {
  /** Events a second: the same bytes into (log, index, bytes), primary key only, one connection. */
  readonly bytesOnly: number;
  /** Events a second: all rows into all tables with all their indexes, one connection. */
  readonly allRows: number;
}

interface Batch {
  readonly entries: number;
  readonly bytes: Buffer;
  readonly rows: readonly { readonly table: string; readonly data: Buffer }[];
}

/** What PostgreSQL takes of exactly the rows that the measured run committed, sent as ready-made binary COPY by a client that does nothing else. */
export async function measureCeilings(ownerUrl: string, tenant: string): Promise<Ceilings> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query('CREATE SCHEMA ceiling');
    await client.query('CREATE TABLE ceiling.bytes_only (log int, idx bigint, bytes bytea, PRIMARY KEY (log, idx))');
    for (const table of TABLES) await client.query(`CREATE TABLE ceiling.${table} (LIKE recant.${table} INCLUDING ALL)`);
    const batches = await readBatches(client, tenant);
    const entries = batches.reduce((sum, batch) => sum + batch.entries, 0);
    const rate = async (write: (batch: Batch) => Promise<void>) => {
      await client.query('CHECKPOINT');
      const start = performance.now();
      for (const batch of batches) {
        await client.query('BEGIN');
        await write(batch);
        await client.query('COMMIT');
      }
      return (entries * 1_000) / (performance.now() - start);
    };
    const bytesOnly = await rate(({ bytes }) => copyIn(client, 'ceiling.bytes_only', bytes));
    const allRows = await rate(async ({ rows }) => {
      for (const { table, data } of rows) await copyIn(client, `ceiling.${table}`, data);
    });
    return { bytesOnly, allRows };
  } finally {
    await client.query('DROP SCHEMA IF EXISTS ceiling CASCADE');
    await client.end();
  }
}

/** Batches of one log each, the logs taking turns, as they came in. */
async function readBatches(client: pg.Client, tenant: string): Promise<Batch[]> {
  const { rows } = await client.query('SELECT shard, size::int FROM recant.log WHERE tenant_id = $1 AND size > 0 ORDER BY shard', [tenant]);
  const batches: Batch[] = [];
  const largest = Math.max(...rows.map(({ size }) => size));
  const owner = client.escapeLiteral(tenant);
  for (let from = 0; from < largest; from += ENTRIES_PER_TRANSACTION) {
    for (const { shard, size } of rows.filter((log) => log.size > from)) {
      const range = `tenant_id = ${owner} AND shard = ${shard} AND idx >= ${from} AND idx < ${from + ENTRIES_PER_TRANSACTION}`;
      const read = (columns: string, table: string) =>
        copyOut(client, `SELECT ${columns} FROM recant.${table} WHERE ${range} ORDER BY idx`);
      const bytes = await read('shard::int, idx, frame', 'entry');
      const rowsOfTables: { table: string; data: Buffer }[] = [];
      for (const table of TABLES) rowsOfTables.push({ table, data: await read('*', table) });
      batches.push({ entries: Math.min(ENTRIES_PER_TRANSACTION, size - from), bytes, rows: rowsOfTables });
    }
  }
  return batches;
}

async function copyOut(client: pg.Client, query: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of client.query(copyTo(`COPY (${query}) TO STDOUT (FORMAT binary)`))) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function copyIn(client: pg.Client, table: string, data: Buffer): Promise<void> {
  const stream = client.query(copyFrom(`COPY ${table} FROM STDIN (FORMAT binary)`));
  const done = finished(stream);
  stream.end(data);
  await done;
}
