import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preparePostgres } from '@recant/connector-postgres';
import { startPostgres } from '@recant/local-postgres';
import pg from 'pg';

/** Three equal tables: without a trigger, with the reference trigger, captured. */
export const TABLES = ['plain', 'reference', 'captured'] as const;
export type Table = (typeof TABLES)[number];

/** The trigger that capture is compared with: both rows as jsonb into a table with a bigserial key. */
const REFERENCE = `
CREATE TABLE reference_log (id bigserial PRIMARY KEY, old jsonb, new jsonb);
CREATE FUNCTION reference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO reference_log (old, new) VALUES (CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
  RETURN NULL;
END $$;
CREATE TRIGGER reference AFTER INSERT OR UPDATE OR DELETE ON reference FOR EACH ROW EXECUTE FUNCTION reference()`;

/** A PostgreSQL of its own with the three tables. Everything runs as one login, which is registered as an agent: images are kept. */
export class CaptureTarget {
  readonly url: string;
  readonly rows: number;
  readonly #client: pg.Client;
  readonly #stop: () => Promise<void>;

  private constructor(url: string, rows: number, client: pg.Client, stop: () => Promise<void>) {
    this.url = url;
    this.rows = rows;
    this.#client = client;
    this.#stop = stop;
  }

  static async create(rows: number): Promise<CaptureTarget> {
    const folder = await mkdtemp(join(tmpdir(), 'recant-bench-'));
    const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), temporary: true });
    const client = new pg.Client({ connectionString: postgres.ownerUrl });
    await client.connect();
    // Only the captured one is there at connect: it marks tables that it leaves out.
    for (const table of TABLES.toReversed()) {
      await client.query(`CREATE TABLE ${table} (id bigint PRIMARY KEY, customer int NOT NULL, state text, amount numeric(12,2), note text,
        n int NOT NULL DEFAULT 0, at timestamptz NOT NULL DEFAULT now()) WITH (autovacuum_enabled = off)`);
      await client.query(
        `INSERT INTO ${table} (id, customer, state, amount, note) SELECT g, g % 1000, 'open', g / 7.0, repeat('note ', 8) FROM generate_series(1, $1::int) g`,
        [rows],
      );
      if (table !== 'captured') continue;
      const agentRoles = [new URL(postgres.ownerUrl).username];
      await preparePostgres({ url: postgres.ownerUrl, system: 'bench', tables: ['public.captured'], agentRoles });
    }
    await client.query(REFERENCE);
    return new CaptureTarget(postgres.ownerUrl, rows, client, async () => {
      await client.end();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    });
  }

  stop = (): Promise<void> => this.#stop();

  /** Every measurement starts with compact tables, empty logs and a checkpoint behind it. */
  async settle(): Promise<void> {
    for (const table of TABLES) await this.#client.query(`VACUUM ANALYZE ${table}`);
    await this.#client.query('TRUNCATE reference_log, recant.capture');
    await this.#client.query('CHECKPOINT');
  }

  /** @returns milliseconds of one statement */
  async time(text: string): Promise<number> {
    const start = performance.now();
    await this.#client.query(text);
    return performance.now() - start;
  }

  /** Clients of their own, until every one has done its share. */
  async withClients<T>(count: number, work: (client: pg.Client, n: number) => Promise<T>): Promise<T[]> {
    const clients = await Promise.all(
      Array.from({ length: count }, async () => {
        const client = new pg.Client({ connectionString: this.url });
        await client.connect();
        return client;
      }),
    );
    try {
      return await Promise.all(clients.map(work));
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  }
}
