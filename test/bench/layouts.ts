import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { encodeFrame } from '@recant/ledger';
import { startPostgres } from '@recant/local-postgres';
import { leafHash } from '@recant/transparency';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { against, describeMachine, type Figure, type Results, round } from './figures.ts';
import { type Batch, bytesOnly, decompress, type Entry, eventIds, LAYOUTS, type Layout, type Rows, TENANT } from './layout-kinds.ts';
import { cpuSecondsOf } from './processes.ts';
import { createWorkload } from './workload.ts';

const LOGS = 8;
const SOURCES = 256;
const KEY_ID = 'k_bench_000000000000';
/** As many as the ledger puts into one transaction. */
const ENTRIES_PER_TRANSACTION = 2_000;
const ROUNDS = 3;
const SINGLE_TRANSACTIONS = 1_000;
const RANDOM_READS = 1_000;

interface Measured {
  /** Events a second, by round. */
  readonly rates: number[];
  readonly singles: number[];
  /** CPU of the server, µs an event. */
  cpu: number;
  /** CPU of the client that makes the rows, other threads included, µs an event. */
  clientCpu: number;
  bytes: number;
  indexEntries: number;
  /** Milliseconds to find and read one entry. */
  readMs: number;
  scanRate: number;
}

/** What a layout of entries costs, beside the limit, in the same run: rates, the server's CPU, bytes, index entries, reads. */
export async function benchLayouts({ events }: { readonly events: number }): Promise<Results> {
  const folder = await mkdtemp(join(tmpdir(), 'recant-bench-'));
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), temporary: true });
  const client = new pg.Client({ connectionString: postgres.ownerUrl });
  try {
    await client.connect();
    for (const { tables } of LAYOUTS) await client.query(tables);
    const batches = makeBatches(events, (ROUNDS + 1) * SINGLE_TRANSACTIONS);
    const measured = new Map(LAYOUTS.map((layout) => [layout, blank()]));
    for (let turn = 0; turn <= ROUNDS; turn += 1) {
      const part = batches.full.filter((_, n) => n % (ROUNDS + 1) === turn);
      const singles = batches.single.slice(turn * SINGLE_TRANSACTIONS, (turn + 1) * SINGLE_TRANSACTIONS);
      for (const [layout, result] of measured) await play(client, postgres.pid, layout, part, singles, turn > 0 ? result : blank());
    }
    for (const [layout, result] of measured) await look(client, layout, batches, result);
    return { name: 'layouts', machine: describeMachine(), figures: figuresOf(measured) };
  } finally {
    await client.end();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const blank = (): Measured => ({ rates: [], singles: [], cpu: 0, clientCpu: 0, bytes: 0, indexEntries: 0, readMs: 0, scanRate: 0 });

interface Batches {
  readonly full: readonly Batch[];
  readonly single: readonly Batch[];
  /** Entries by log. */
  readonly sizes: readonly number[];
}

function makeBatches(events: number, single: number): Batches {
  const nowMs = Date.now();
  const workload = createWorkload({ sources: SOURCES, agents: 16, sourcePrefix: 'recant://bench', seed: 20_261_201, startMs: nowMs });
  const numbers = new Map<string, number>();
  const next = (): Entry => {
    const { source, bytes } = workload.next();
    if (!numbers.has(source)) numbers.set(source, numbers.size);
    const { id, sequence } = JSON.parse(Buffer.from(bytes).toString()) as { id: string; sequence: string };
    const frame = encodeFrame({ kind: 'event', tenant: TENANT, keyId: KEY_ID, receivedAtMs: nowMs, body: bytes });
    return { source: numbers.get(source) as number, sequence: Number.parseInt(sequence, 10), eventId: id, frame, leaf: leafHash(frame) };
  };
  const sizes = new Array<number>(LOGS).fill(0);
  const add = (log: number, entries: readonly Entry[]): Batch => {
    const first = sizes[log] as number;
    sizes[log] = first + entries.length;
    return { log, first, entries };
  };
  const full: Batch[] = [];
  const waiting = Array.from({ length: LOGS }, () => [] as Entry[]);
  for (let made = 0; made < events; made += 1) {
    const entry = next();
    const log = entry.source % LOGS;
    const queue = waiting[log] as Entry[];
    queue.push(entry);
    if (queue.length < ENTRIES_PER_TRANSACTION) continue;
    full.push(
      add(
        log,
        queue.splice(0).sort((a, b) => a.source - b.source || a.sequence - b.sequence),
      ),
    );
  }
  for (const [log, queue] of waiting.entries())
    if (queue.length > 0)
      full.push(
        add(
          log,
          queue.sort((a, b) => a.source - b.source || a.sequence - b.sequence),
        ),
      );
  const alone = Array.from({ length: single }, () => next());
  return { full, single: alone.map((entry) => add(entry.source % LOGS, [entry])), sizes };
}

async function play(
  client: pg.Client,
  pid: number,
  layout: Layout,
  full: readonly Batch[],
  single: readonly Batch[],
  result: Measured,
): Promise<void> {
  const prepared: (readonly Rows[])[] = [];
  const before = process.cpuUsage();
  for (const batch of full) prepared.push(await layout.encode(batch));
  const { user, system } = process.cpuUsage(before);
  const alone: (readonly Rows[])[] = [];
  for (const batch of single) alone.push(await layout.encode(batch));
  await client.query('CHECKPOINT');
  const cpu = cpuSecondsOf(pid);
  const seconds = await commitAll(client, prepared);
  const events = full.reduce((sum, { entries }) => sum + entries.length, 0);
  result.cpu += ((cpuSecondsOf(pid) - cpu) * 1e6) / events / ROUNDS;
  result.clientCpu += (user + system) / events / ROUNDS;
  result.rates.push(events / seconds);
  result.singles.push(alone.length / (await commitAll(client, alone)));
}

/** @returns seconds */
async function commitAll(client: pg.Client, transactions: readonly (readonly Rows[])[]): Promise<number> {
  const start = performance.now();
  for (const tables of transactions) {
    await client.query('BEGIN');
    for (const { copy, data } of tables) {
      const stream = client.query(copyFrom(copy));
      const done = finished(stream);
      stream.end(data);
      await done;
    }
    await client.query('COMMIT');
  }
  return (performance.now() - start) / 1_000;
}

const SPACE = `SELECT sum(pg_total_relation_size(c.oid))::float8 AS bytes,
    sum((SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid) * (SELECT n_tup_ins FROM pg_stat_all_tables s WHERE s.relid = c.oid)
      + coalesce((SELECT n_tup_ins FROM pg_stat_all_tables s WHERE s.relid = c.reltoastrelid), 0))::float8 AS entries
  FROM pg_class c WHERE c.relname = ANY ($1) AND c.relkind = 'r'`;

/** Space and reads, after all rounds. */
async function look(client: pg.Client, layout: Layout, { full, single, sizes }: Batches, result: Measured): Promise<void> {
  const names = [...layout.tables.matchAll(/CREATE TABLE (\w+)/g)].map(([, name]) => name as string);
  await client.query('SELECT pg_stat_force_next_flush()');
  for (const name of names) await client.query(`VACUUM ANALYZE ${name}`);
  const entries = [...full, ...single].reduce((sum, batch) => sum + batch.entries.length, 0);
  const { rows } = await client.query(SPACE, [names]);
  result.bytes = rows[0].bytes / entries;
  result.indexEntries = rows[0].entries / entries;
  const byLog = Array.from({ length: LOGS }, () => [] as Entry[]);
  for (const batch of [...full, ...single].toSorted((a, b) => a.first - b.first)) byLog[batch.log]?.push(...batch.entries);
  const start = performance.now();
  for (let n = 0; n < RANDOM_READS; n += 1) {
    const log = n % LOGS;
    const index = (n * 7_919) % (sizes[log] as number);
    const { rows: found } = await client.query({ name: layout.name.slice(0, 60), text: layout.read, values: [log, index] });
    const frame = await layout.frameOf(found[0], index);
    if (Buffer.compare(frame, byLog[log]?.[index]?.frame as Buffer) !== 0)
      throw new Error(`${layout.name}: entry ${index} of log ${log} differs`);
  }
  result.readMs = (performance.now() - start) / RANDOM_READS;
  const begun = performance.now();
  const name = names[0] as string;
  const column = layout.read.includes('frames') ? 'frames' : 'frame';
  const key = layout.read.includes('first') ? 'first' : 'idx';
  const log = layout === eventIds ? 'shard' : 'log';
  let read = 0;
  for (let n = 0; n < LOGS; n += 1) {
    const { rows: all } = await client.query(`SELECT ${column} AS f FROM ${name} WHERE ${log} = $1 ORDER BY ${key}`, [n]);
    read += all.length;
    if (layout.name.includes('zstd')) for (const { f } of all) await decompress(f);
  }
  if (read === 0) throw new Error(`${layout.name}: nothing was read`);
  result.scanRate = (entries * 1_000) / (performance.now() - begun);
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

function figuresOf(measured: ReadonlyMap<Layout, Measured>): Figure[] {
  const limit = measured.get(bytesOnly) as Measured;
  return [...measured].flatMap(([{ name }, result]): Figure[] => {
    const ratioOf = (values: readonly number[], limits: readonly number[]) =>
      median(values.map((value, n) => value / (limits[n] as number)));
    const compared = (metric: string, unit: string, of: (one: Measured) => readonly number[]): Figure => ({
      ...against({ metric, value: Math.round(median(of(result))), unit }, Math.round(median(of(limit)))),
      ratio: round(ratioOf(of(result), of(limit)), 3),
    });
    return [
      compared(`${name}: ${ENTRIES_PER_TRANSACTION} a transaction`, 'events/s', ({ rates }) => rates),
      compared(`${name}: one a transaction`, 'events/s', ({ singles }) => singles),
      { metric: `${name}: CPU of the server`, value: round(result.cpu, 2), unit: 'µs/event' },
      { metric: `${name}: CPU of the client that makes the rows`, value: round(result.clientCpu, 2), unit: 'µs/event' },
      { metric: `${name}: stored with indexes`, value: round(result.bytes, 0), unit: 'bytes/event' },
      { metric: `${name}: index entries`, value: round(result.indexEntries, 3), unit: 'entries/event' },
      { metric: `${name}: one entry by its index`, value: round(result.readMs, 3), unit: 'ms' },
      { metric: `${name}: all entries in order`, value: Math.round(result.scanRate), unit: 'events/s' },
    ];
  });
}
