import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseApiKey, SHARDS_DEFAULT } from '@recant/events';
import { batchMessage, createProducer } from '@recant/kafka';
import { startKafka } from '@recant/local-kafka';
import { startPostgres } from '@recant/local-postgres';
import { createLogger } from '@recant/service';
import { createStore, migrate, type Store, withSnapshot } from '@recant/store';
import { auditTenant } from '@recant/verifier';
import pg from 'pg';
import { wireLedger } from '../../services/ledger/src/wire.ts';
import { type Ceilings, CeilingTables } from './ceilings.ts';
import { describeMachine, type Figure, type Results, round } from './figures.ts';
import { cpuSecondsOf } from './processes.ts';
import { profileSteps } from './steps.ts';
import { batchesOf, createWorkload, type Workload } from './workload.ts';

const TENANT = 'bench';
const PREFIX = 'recant://bench';
const SEED = 20_261_101;
/** How producers send: an event a message, or what waits for a home shard under load. */
const WAYS = [
  { name: 'single', what: 'single messages', eventsMax: 1 },
  { name: 'batch', what: 'batches of 64', eventsMax: 64 },
] as const;
type Way = (typeof WAYS)[number];
/** As a share of the ceilings of the same run (`CeilingTables`). */
const FLOOR_BYTES_ONLY = 0.12;
const FLOOR_ALL_ROWS = 0.35;
/** The profiled pass is shorter: it shows where the time is spent, not the rate. */
const PROFILED_SHARE = 0.25;
/** Both ways and both ceilings alternate, so that other load on the machine affects them equally. One extra round warms up. */
const ROUNDS = 5;
/** Milliseconds that the benchmark waits for read models. */
const REACH_MS = 600_000;
const EVENTS_PER_SEND = 16_384;

interface Place {
  readonly store: Store;
  readonly ownerUrl: string;
  readonly brokers: readonly string[];
  readonly kafkaPid: number;
  readonly postgresPid: number;
}

/** Events per second from a filled Kafka topic into committed rows, compared with PostgreSQL's own rate for the same bytes and rows. */
export async function benchIngest({ events }: { readonly events: number }): Promise<Results> {
  const folder = await mkdtemp(join(tmpdir(), 'recant-bench-'));
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), temporary: true });
  const kafka = await startKafka();
  await migrate(postgres.ownerUrl);
  const store = createStore({ connectionString: postgres.url, masterKey: new Uint8Array(32).fill(1), reachMs: REACH_MS });
  try {
    const place = { store, ownerUrl: postgres.ownerUrl, brokers: kafka.brokers, kafkaPid: kafka.pid, postgresPid: postgres.pid };
    const { apiKey } = await store.credentials.create({
      tenant: TENANT,
      roles: ['emit'],
      sourcePrefix: PREFIX,
      agents: ['agent-*'],
      resources: [],
    });
    const figures = await measure(place, apiKey, events);
    return { name: 'ingest', machine: describeMachine(), figures };
  } finally {
    await store.close();
    await kafka.stop();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(place: Place, apiKey: string, events: number): Promise<Figure[]> {
  const profiled = Math.round((events / WAYS.length) * PROFILED_SHARE);
  const workload = createWorkload({ sources: 256, agents: 16, sourcePrefix: PREFIX, seed: SEED, startMs: Date.now() });
  note(`filling topics with ${events} events`);
  let bytes = 0;
  const perRound = Math.floor(events / ROUNDS / WAYS.length);
  for (const way of WAYS) {
    for (let round = 0; round <= ROUNDS; round += 1)
      bytes += await fill(place, topicOf(way, round), apiKey, { way, workload, events: perRound });
    bytes += await fill(place, topicOf(way, 'profiled'), apiKey, { way, workload, events: profiled });
  }
  note(`reading them into the ledger, and measuring PostgreSQL's own rate for the same bytes and rows`);
  const rounds = await measureRounds(place, perRound);
  const recorded = perRound * (ROUNDS + 1) * WAYS.length;
  const space = await measureSpace(place.ownerUrl, recorded);
  await checkSound(place.store);
  note('reading last topics under the profiler');
  const figures: Figure[] = [];
  for (const way of WAYS) {
    const steps = await profileSteps(async () => void (await consume(place, topicOf(way, 'profiled'), profiled)));
    figures.push(...figuresOf(way, perRound * ROUNDS, rounds.get(way.name) ?? []), ...stepsOf(way, steps, profiled));
  }
  const sent = round(bytes / (recorded + profiled * WAYS.length), 0);
  return [...figures, { metric: 'event as sent', value: sent, unit: 'bytes' }, ...space];
}

const topicOf = ({ name }: Way, part: number | 'profiled'): string => `bench.${name}.${part}`;

interface Rates {
  readonly acknowledged: number;
  readonly sustained: number;
}

interface Round {
  readonly run: Run;
  /** Events a second: acknowledged, and with complete read models. */
  readonly rates: Rates;
  readonly ceilings: Ceilings;
}

/** @returns the rounds of each way, without the first */
async function measureRounds(place: Place, perRound: number): Promise<ReadonlyMap<string, readonly Round[]>> {
  const tables = await CeilingTables.create(place.ownerUrl, TENANT);
  const rounds = new Map<string, Round[]>(WAYS.map(({ name }) => [name, []]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const way of WAYS) {
      await tables.checkpoint();
      const run = await consume(place, topicOf(way, round), perRound);
      const rates = { acknowledged: perRound / run.seconds, sustained: perRound / run.projectedSeconds };
      const measured = { run, rates, ceilings: await tables.measure() };
      if (round > 0) rounds.get(way.name)?.push(measured);
    }
  }
  await tables.close();
  return rounds;
}

function figuresOf({ what: sent }: Way, events: number, rounds: readonly Round[]): Figure[] {
  const compare = (what: string, of: keyof Rates, ceiling: keyof Ceilings, floor: number): Figure => ({
    metric: `${sent} through Kafka into ${what}`,
    value: Math.round(median(rounds.map(({ rates }) => rates[of]))),
    unit: 'events/s',
    limit: Math.round(median(rounds.map(({ ceilings }) => ceilings[ceiling]))),
    ratio: round(median(rounds.map(({ rates, ceilings }) => rates[of] / ceilings[ceiling])), 3),
    floor,
  });
  const total = (of: (run: Run) => number) => rounds.reduce((sum, { run }) => sum + of(run), 0);
  const cpu = (name: string, seconds: number): Figure => ({
    metric: `${sent}: CPU of ${name}`,
    value: round((seconds * 1e6) / events),
    unit: 'µs/event',
  });
  return [
    compare('acknowledged entries, compared with (log, index, bytes) with its key', 'acknowledged', 'bytesOnly', FLOOR_BYTES_ONLY),
    compare('entries and read models, compared with all rows into all tables', 'sustained', 'allRows', FLOOR_ALL_ROWS),
    { metric: `${sent}: events`, value: events, unit: 'events' },
    { metric: `${sent}: transactions`, value: total(({ transactions }) => transactions), unit: 'transactions' },
    cpu(
      'the ledger',
      total(({ ledgerCpu }) => ledgerCpu),
    ),
    cpu(
      'PostgreSQL',
      total(({ postgresCpu }) => postgresCpu),
    ),
    cpu(
      'Kafka',
      total(({ kafkaCpu }) => kafkaCpu),
    ),
  ];
}

function stepsOf({ what }: Way, steps: ReadonlyMap<string, number>, events: number): Figure[] {
  return [...steps]
    .sort((a, b) => b[1] - a[1])
    .map(([step, us]): Figure => ({ metric: `${what}: ledger step: ${step}`, value: round(us / events), unit: 'µs/event' }));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

interface Filling {
  readonly way: Way;
  readonly workload: Workload;
  readonly events: number;
}

/** @returns bytes of the events */
async function fill(place: Place, topic: string, apiKey: string, { way, workload, events }: Filling): Promise<number> {
  const key = parseApiKey(apiKey);
  if (key === undefined) throw new TypeError('not an API key');
  const { ensureTopic } = await import('@recant/kafka');
  await ensureTopic({ brokers: place.brokers }, topic, SHARDS_DEFAULT);
  const producer = await createProducer({ brokers: place.brokers, topic });
  let bytes = 0;
  try {
    for (let made = 0; made < events; made += EVENTS_PER_SEND) {
      const some = Array.from({ length: Math.min(EVENTS_PER_SEND, events - made) }, () => workload.next());
      bytes += some.reduce((sum, event) => sum + event.bytes.length, 0);
      const batches = batchesOf(some, { tenant: TENANT, shards: SHARDS_DEFAULT, eventsMax: way.eventsMax });
      await producer.send(batches.map(({ shard, batch }) => batchMessage(key, shard, batch)));
    }
  } finally {
    await producer.close();
  }
  return bytes;
}

interface Run {
  readonly seconds: number;
  /** Until the read models are complete; so are the times of processors. */
  readonly projectedSeconds: number;
  readonly transactions: number;
  readonly ledgerCpu: number;
  readonly postgresCpu: number;
  readonly kafkaCpu: number;
}

/** From the first batch that the ledger appends to the last commit; joining the group is not counted. */
async function consume(place: Place, topic: string, events: number): Promise<Run> {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let startedAt = 0;
  let taken = 0;
  let transactions = 0;
  let before = { ledger: 0, postgres: 0, kafka: 0 };
  const readCpu = () => {
    const { user, system } = process.cpuUsage();
    return { ledger: (user + system) / 1e6, postgres: cpuSecondsOf(place.postgresPid), kafka: cpuSecondsOf(place.kafkaPid) };
  };
  const store: Store = {
    ...place.store,
    appender: {
      async append(batch, position) {
        if (startedAt === 0) {
          before = readCpu();
          startedAt = performance.now();
        }
        const receipts = await place.store.appender.append(batch, position);
        for (const receipt of receipts) if (receipt.kind === 'appended') taken += 1;
        transactions += 1;
        if (taken >= events) resolve();
        return receipts;
      },
    },
  };
  const logger = createLogger({ name: 'bench', level: 'error' });
  const kafka = { brokers: place.brokers, topic, groupId: topic };
  const ledger = wireLedger({ store, logger, clock: Date.now, shards: SHARDS_DEFAULT, kafka });
  await ledger.start();
  await done;
  const seconds = (performance.now() - startedAt) / 1_000;
  await place.store.projection.reach(TENANT);
  const projectedSeconds = (performance.now() - startedAt) / 1_000;
  const after = readCpu();
  await ledger.stop();
  return {
    seconds,
    projectedSeconds,
    transactions,
    ledgerCpu: after.ledger - before.ledger,
    postgresCpu: after.postgres - before.postgres,
    kafkaCpu: after.kafka - before.kafka,
  };
}

const SPACE = `SELECT sum(pg_total_relation_size(c.oid))::float8 AS bytes,
    sum((SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid) * s.n_tup_ins)::float8 AS entries
  FROM pg_class c JOIN pg_stat_all_tables s ON s.relid = c.oid WHERE s.schemaname = 'recant' AND c.relkind = 'r'`;

/** Bytes of tables with their indexes, and index entries, per event. A row counts in every index of its table, partial ones included. */
async function measureSpace(ownerUrl: string, events: number): Promise<Figure[]> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await client.query(SPACE);
    return [
      { metric: 'stored with indexes', value: round(rows[0].bytes / events, 0), unit: 'bytes/event' },
      { metric: 'index entries', value: round(rows[0].entries / events, 2), unit: 'entries/event' },
    ];
  } finally {
    await client.end();
  }
}

/** The rate counts only if the ledger is sound. */
async function checkSound(store: Store): Promise<void> {
  const violations = await withSnapshot(store.pool, TENANT, (snapshot) => auditTenant(TENANT, snapshot));
  if (violations.length > 0)
    throw new Error(
      `the ledger is not sound: ${JSON.stringify(violations[0], (_, value) => (typeof value === 'bigint' ? String(value) : value))}`,
    );
}

/** Progress goes to standard error: standard output is the result. */
function note(text: string): void {
  console.error(text);
}
