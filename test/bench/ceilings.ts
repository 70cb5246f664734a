import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

/** Entries of one transaction, as many as the ledger puts into one. */
const ENTRIES_PER_TRANSACTION = 2_000;
const TABLES = ['entry', 'attempt', 'settlement', 'effect'] as const;

/** Events a second. */
export interface Ceilings {
  /** The same bytes into (log, index, bytes), primary key only, one connection. */
  readonly bytesOnly: number;
  /** All rows into all tables with all their indexes, one connection. */
  readonly allRows: number;
}

interface Batch {
  readonly entries: number;
  readonly bytes: Buffer;
  readonly rows: readonly { readonly table: string; readonly data: Buffer }[];
}

/**
 * The rate at which PostgreSQL accepts exactly the rows that the ledger committed, as prepared binary COPY from a client that does nothing else.
 * The tables grow with the ledger's, so that indexes have equal size.
 */
export class CeilingTables {
  readonly #client: pg.Client;
  readonly #tenant: string;
  /** Entries measured so far, by shard. */
  readonly #measured = new Map<number, number>();

  private constructor(client: pg.Client, tenant: string) {
    this.#client = client;
    this.#tenant = tenant;
  }

  static async create(ownerUrl: string, tenant: string): Promise<CeilingTables> {
    const client = new pg.Client({ connectionString: ownerUrl });
    await client.connect();
    await client.query('CREATE SCHEMA ceiling');
    await client.query('CREATE TABLE ceiling.bytes_only (log int, idx bigint, bytes bytea, PRIMARY KEY (log, idx))');
    for (const table of TABLES) await client.query(`CREATE TABLE ceiling.${table} (LIKE recant.${table} INCLUDING ALL)`);
    return new CeilingTables(client, tenant);
  }

  async close(): Promise<void> {
    await this.#client.query('DROP SCHEMA ceiling CASCADE');
    await this.#client.end();
  }

  /** A checkpoint, so that the next measurement also begins with full-page writes. */
  async checkpoint(): Promise<void> {
    await this.#client.query('CHECKPOINT');
  }

  /** Writes what was committed since the last call, twice. */
  async measure(): Promise<Ceilings> {
    const batches = await this.#readBatches();
    const entries = batches.reduce((sum, batch) => sum + batch.entries, 0);
    const rate = async (write: (batch: Batch) => Promise<void>) => {
      await this.checkpoint();
      const start = performance.now();
      for (const batch of batches) {
        await this.#client.query('BEGIN');
        await write(batch);
        await this.#client.query('COMMIT');
      }
      return (entries * 1_000) / (performance.now() - start);
    };
    const bytesOnly = await rate(({ bytes }) => copyIn(this.#client, 'ceiling.bytes_only', bytes));
    const allRows = await rate(async ({ rows }) => {
      for (const { table, data } of rows) await copyIn(this.#client, `ceiling.${table}`, data);
    });
    return { bytesOnly, allRows };
  }

  /** Batches of one log each, alternating between logs, in commit order. */
  async #readBatches(): Promise<Batch[]> {
    const sizes = 'SELECT shard, size::int FROM recant.log WHERE tenant_id = $1 AND size > 0 ORDER BY shard';
    let open: { shard: number; size: number }[] = (await this.#client.query(sizes, [this.#tenant])).rows;
    const batches: Batch[] = [];
    while (open.length > 0) {
      open = open.filter(({ shard, size }) => size > (this.#measured.get(shard) ?? 0));
      for (const { shard, size } of open) {
        const from = this.#measured.get(shard) ?? 0;
        const to = Math.min(size, from + ENTRIES_PER_TRANSACTION);
        batches.push(await this.#readBatch(shard, from, to));
        this.#measured.set(shard, to);
      }
    }
    return batches;
  }

  async #readBatch(shard: number, from: number, to: number): Promise<Batch> {
    const range = `tenant_id = ${this.#client.escapeLiteral(this.#tenant)} AND shard = ${shard} AND idx >= ${from} AND idx < ${to}`;
    const read = (columns: string, table: string) =>
      copyOut(this.#client, `SELECT ${columns} FROM recant.${table} WHERE ${range} ORDER BY idx`);
    const bytes = await read('shard::int, idx, frame', 'entry');
    const rows: { table: string; data: Buffer }[] = [];
    for (const table of TABLES) rows.push({ table, data: await read('*', table) });
    return { entries: to - from, bytes, rows };
  }
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
