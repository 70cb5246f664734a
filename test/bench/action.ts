import { createClient } from '@recant/client';
import { postgresSystem } from '@recant/connector-postgres';
import { createRecant, type Recant } from '@recant/sdk';
import pg from 'pg';
import { TestSource } from '../../services/ledger/test/producer.ts';
import { startCapturedPlace } from './captured-place.ts';
import { describeMachine, type Figure, type Results, round } from './figures.ts';

const CLIENTS = 50;
const ROWS = 10_000;
const AGENT = 'bot';
/** A recorded action takes at most 1.5 times the same transaction and one acknowledged append. */
const FLOOR = 0.667;
/** Rows a second, and for how many seconds, of the measurement of the drain. */
const RATE = 1_000;
const SECONDS = 15;
/** One of so many transactions is a recorded action, whose observed event is looked up. */
const SAMPLED = 5;
/** An observed event is in the ledger within 2 s (p99). */
const OBSERVED_MS_MAX = 2_000;
const OBSERVED_WAIT_MS = 120_000;

const KINDS = ['transaction and append', 'handle', 'recorded pool'] as const;
type Kind = (typeof KINDS)[number];
type Times = Readonly<Record<Kind, number[]>>;

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

class Bench {
  readonly url: string;
  readonly agentKey: string;
  readonly operatorKey: string;
  readonly recant: Recant;
  readonly pool: pg.Pool;
  readonly #shop: ReturnType<typeof postgresSystem>;
  readonly #recorded: pg.Pool;
  readonly #stop: () => Promise<void>;

  constructor(keys: { url: string; agentKey: string; operatorKey: string }, agentUrl: string, stop: () => Promise<void>) {
    this.url = keys.url;
    this.agentKey = keys.agentKey;
    this.operatorKey = keys.operatorKey;
    this.pool = new pg.Pool({ connectionString: agentUrl, max: CLIENTS });
    const own = new pg.Pool({ connectionString: agentUrl, max: CLIENTS });
    const existing = new pg.Pool({ connectionString: agentUrl, max: CLIENTS });
    this.#shop = postgresSystem({ name: 'shop', pool: own });
    this.#recorded = this.#shop.record(existing);
    this.recant = createRecant({ url: keys.url, apiKey: keys.agentKey, agent: AGENT, systems: [this.#shop] });
    this.#stop = async () => {
      await this.recant.close();
      await Promise.all([this.pool.end(), own.end(), existing.end()]);
      await stop();
    };
  }

  static async create(): Promise<Bench> {
    const { agentUrl, stop, ...keys } = await startCapturedPlace(AGENT, ROWS);
    return new Bench(keys, agentUrl, stop);
  }

  stop = (): Promise<void> => this.#stop();

  /** The transaction as an application makes it, then one event that the ledger acknowledges. */
  async plain(source: TestSource, id: number): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('UPDATE items SET n = n + 1 WHERE id = $1', [id]);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    await createClient({ url: this.url, apiKey: this.agentKey }).submitEvent(source.intended().bytes);
  }

  async handle(id: number): Promise<string> {
    return this.recant.action('bump', { id }, async (context) => {
      await context.on(this.#shop).transaction((tx) => tx.query('UPDATE items SET n = n + 1 WHERE id = $1', [id]));
      return context.action;
    });
  }

  /** @returns milliseconds from the capture of an action's last change to the ledger's receipt of the observed event */
  async observed(action: string): Promise<number> {
    const client = createClient({ url: this.url, apiKey: this.operatorKey });
    const deadline = performance.now() + OBSERVED_WAIT_MS;
    while (performance.now() < deadline) {
      const { attempts } = await client.action(action);
      const found = attempts[0]?.events.find(({ event }) => event.type === 'recant.attempt.observed.v1');
      if (found !== undefined) return Date.parse(found.receivedAt) - Date.parse((found.event.data as { readonly to: string }).to);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the observed event of ${action} did not reach the ledger within ${OBSERVED_WAIT_MS} ms`);
  }

  async recorded(id: number): Promise<void> {
    await this.recant.action('bump', { id }, async () => {
      const client = await this.#recorded.connect();
      try {
        await client.query('BEGIN');
        await client.query('UPDATE items SET n = n + 1 WHERE id = $1', [id]);
        await client.query('COMMIT');
      } finally {
        client.release();
      }
    });
  }
}

/** Each client does the kinds in turn, so that all meet the same load. */
async function inTurns(bench: Bench, clients: number, perClient: number, measured: Times): Promise<void> {
  const timed = async (kind: Kind, work: () => Promise<unknown>): Promise<void> => {
    const start = performance.now();
    await work();
    measured[kind].push(performance.now() - start);
  };
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const source = new TestSource(AGENT);
      await createClient({ url: bench.url, apiKey: bench.agentKey }).submitEvent(source.opened());
      for (let n = client; n < client + perClient * KINDS.length; n += 1) {
        const id = 1 + ((client * 199 + n) % ROWS);
        const kind = KINDS[n % KINDS.length] as Kind;
        if (kind === 'handle') await timed(kind, () => bench.handle(id));
        else if (kind === 'recorded pool') await timed(kind, () => bench.recorded(id));
        else await timed(kind, () => bench.plain(source, id));
      }
    }),
  );
}

async function recordedActions(bench: Bench, clients: number, perClient: number): Promise<Figure[]> {
  const times = (): Times => ({ 'transaction and append': [], handle: [], 'recorded pool': [] });
  await inTurns(bench, clients, Math.ceil(perClient / 5), times());
  const measured = times();
  await inTurns(bench, clients, perClient, measured);
  await bench.recant.flush();
  const where = clients === 1 ? 'alone' : `${clients} at once`;
  return [0.5, 0.99].flatMap((share) =>
    KINDS.map((kind) => {
      const value = round(percentile(measured[kind], share), 2);
      const limit = round(percentile(measured['transaction and append'], share), 2);
      const figure = { metric: `${where}, p${share * 100}: ${kind}`, value, unit: 'ms' };
      return kind === KINDS[0] ? figure : { ...figure, limit, ratio: round(limit / value, 3), floor: FLOOR };
    }),
  );
}

/** From the commit to the ledger's receipt of the observed event, while an agent changes RATE rows a second in transactions of 10. */
async function observedLatency(bench: Bench): Promise<Figure[]> {
  const perTransaction = 10;
  const actions: string[] = [];
  const writing: Promise<unknown>[] = [];
  // What was measured before is drained first.
  await bench.observed(await bench.handle(1));
  const start = performance.now();
  for (let n = 0; n < (RATE / perTransaction) * SECONDS; n += 1) {
    const due = start + (n * 1_000 * perTransaction) / RATE;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    if (n % SAMPLED === 0) writing.push(bench.handle(1 + (n % ROWS)).then((action) => actions.push(action)));
    const first = 1 + ((n * perTransaction) % (ROWS - perTransaction));
    writing.push(bench.pool.query('UPDATE items SET n = n + 1 WHERE id BETWEEN $1 AND $2', [first, first + perTransaction - 1]));
  }
  await Promise.all(writing);
  const seconds = (performance.now() - start) / 1_000;
  await bench.recant.flush();
  // One after the other: the ledger refuses more than a few hundred reads of one caller at once.
  const latencies: number[] = [];
  for (const action of actions) latencies.push(await bench.observed(action));
  const p99 = percentile(latencies, 0.99);
  return [
    { metric: `captured while measuring, ${SECONDS} s`, value: round((RATE * SECONDS) / seconds, 0), unit: 'rows/s' },
    { metric: 'commit to ledger, p50', value: percentile(latencies, 0.5), unit: 'ms' },
    { metric: 'commit to ledger, p99', value: p99, unit: 'ms', limit: OBSERVED_MS_MAX, ratio: round(OBSERVED_MS_MAX / p99, 3), floor: 1 },
  ];
}

/** What recording costs a tool that changes a row, and how soon the ledger has what the target captured. */
export async function benchAction(): Promise<Results> {
  const bench = await Bench.create();
  try {
    await bench.recant.open();
    const figures = [
      ...(await recordedActions(bench, 1, 200)),
      ...(await recordedActions(bench, CLIENTS, 12)),
      ...(await observedLatency(bench)),
    ];
    return { name: 'action', machine: describeMachine(), figures };
  } finally {
    await bench.stop();
  }
}
