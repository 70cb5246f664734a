import type pg from 'pg';
import { CaptureTarget, TABLES, type Table } from './capture-target.ts';
import { describeMachine, type Figure, type Results, round } from './figures.ts';

const ROUNDS = 5;
const SINGLE_ROWS = 400;
const CLIENTS = 50;
const ROWS_PER_CLIENT = 12;
const SERIALIZABLE_CLIENTS = 8;
const SERIALIZABLE_TRANSACTIONS = 40;
/** Rows that serializable transactions share: few, so that some of them fail. */
const SHARED_ROWS = 200;
/** A captured row costs at most 1.2 times a row of the reference. */
const FLOOR = 0.833;
/** `recant.absorb` takes at least half the rows a second that a bare read of them gives. */
const ABSORB_FLOOR = 0.5;

/** One number per table and round. */
type Measured = Readonly<Record<Table, number[]>>;

/** The tables take turns, each round in another order, after one round that warms up: what else the machine does hits all of them. */
async function inTurns(target: CaptureTarget, measure: (table: Table) => Promise<number>): Promise<Measured> {
  const measured: Measured = { plain: [], reference: [], captured: [] };
  for (let turn = 0; turn <= ROUNDS; turn += 1) {
    await target.settle();
    for (const table of [...TABLES.slice(turn % 3), ...TABLES.slice(0, turn % 3)]) {
      const value = await measure(table);
      if (turn > 0) measured[table].push(value);
    }
  }
  return measured;
}

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);
const median = (values: readonly number[]): number => sorted(values)[values.length >> 1] ?? Number.NaN;

/** Ratio of the rounds' medians, with the spread over rounds. A ratio below 1 says that the captured table is the slower one. */
function figuresOf(metric: string, unit: string, { plain, reference, captured }: Measured): Figure[] {
  const ratios = captured.map((value, index) => (reference[index] ?? Number.NaN) / value);
  return [
    { metric: `${metric}: no trigger`, value: round(median(plain), 2), unit },
    { metric: `${metric}: reference`, value: round(median(reference), 2), unit },
    {
      metric: `${metric}: captured`,
      value: round(median(captured), 2),
      unit,
      limit: round(median(reference), 2),
      ratio: round(median(ratios), 3),
      floor: FLOOR,
    },
    { metric: `${metric}: captured / reference, best round`, value: round(1 / Math.max(...ratios), 2), unit: '' },
    { metric: `${metric}: captured / reference, worst round`, value: round(1 / Math.min(...ratios), 2), unit: '' },
  ];
}

/**
 * Updates of single rows: each client changes the tables in turn, so that all three meet the same load. A value is the median of a table's
 * transactions in one round.
 */
async function singleRows(target: CaptureTarget, clients: number, perClient: number): Promise<Figure[]> {
  const measured: Measured = { plain: [], reference: [], captured: [] };
  for (let turn = 0; turn <= ROUNDS; turn += 1) {
    await target.settle();
    const times = await target.withClients(clients, (client, n) => updateRows(client, target.rows, perClient, n));
    for (const table of TABLES) if (turn > 0) measured[table].push(median(times.flatMap((of) => of[table])));
  }
  return figuresOf(`one row, ${clients === 1 ? 'alone' : `${clients} clients`}`, 'ms', measured);
}

/** @returns milliseconds of each transaction, `count` a table */
async function updateRows(client: pg.Client, rows: number, count: number, first: number): Promise<Measured> {
  const times: Measured = { plain: [], reference: [], captured: [] };
  for (let n = first; n < first + count * TABLES.length; n += 1) {
    const table = TABLES[n % TABLES.length] ?? 'plain';
    const start = performance.now();
    const id = 1 + Math.floor(Math.random() * rows);
    await client.query({ name: table, text: `UPDATE ${table} SET n = n + 1 WHERE id = $1`, values: [id] });
    times[table].push(performance.now() - start);
  }
  return times;
}

async function wholeTable(target: CaptureTarget): Promise<Figure[]> {
  const measured = await inTurns(target, async (table) => ((await target.time(`UPDATE ${table} SET n = n + 1`)) * 1_000) / target.rows);
  return figuresOf(`one statement, ${target.rows} rows`, 'µs a row', measured);
}

/** Serialization failures (40001) of transactions that read two rows and write one. */
async function serializationFailures(target: CaptureTarget): Promise<Figure[]> {
  const failed = { plain: 0, reference: 0, captured: 0 };
  await inTurns(target, async (table) => {
    const counts = await target.withClients(SERIALIZABLE_CLIENTS, (client) => countFailures(client, table));
    failed[table] += counts.reduce((sum, count) => sum + count, 0);
    return 0;
  });
  const tried = (ROUNDS + 1) * SERIALIZABLE_CLIENTS * SERIALIZABLE_TRANSACTIONS;
  return TABLES.map((table) => ({ metric: `serialization failures of ${tried}: ${table}`, value: failed[table], unit: 'transactions' }));
}

async function countFailures(client: pg.Client, table: Table): Promise<number> {
  const row = () => 1 + Math.floor(Math.random() * SHARED_ROWS);
  let failures = 0;
  for (let n = 0; n < SERIALIZABLE_TRANSACTIONS; n += 1) {
    try {
      await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
      await client.query(`SELECT sum(n) FROM ${table} WHERE id = ANY ($1::bigint[])`, [[row(), row()]]);
      await client.query(`UPDATE ${table} SET n = n + 1 WHERE id = $1`, [row()]);
      await client.query('COMMIT');
    } catch (error) {
      if ((error as { code?: string }).code !== '40001') throw error;
      failures += 1;
      await client.query('ROLLBACK');
    }
  }
  return failures;
}

/** Absorbs what one statement over the whole table left, beside a client's bare read of the same rows. */
async function absorb(target: CaptureTarget): Promise<Figure[]> {
  const rates: { read: number; absorbed: number }[] = [];
  const perSecond = (ms: number) => (target.rows * 1_000) / ms;
  for (let turn = 0; turn <= ROUNDS; turn += 1) {
    await target.settle();
    await target.time('UPDATE captured SET n = n + 1');
    await target.time('VACUUM ANALYZE recant.capture');
    const read = perSecond(await target.time('SELECT * FROM recant.capture'));
    const absorbed = perSecond(await target.time('SELECT recant.absorb()'));
    if (turn > 0) rates.push({ read, absorbed });
  }
  const ratio = median(rates.map(({ read, absorbed }) => absorbed / read));
  const read = median(rates.map((rate) => rate.read));
  const value = round(median(rates.map((rate) => rate.absorbed)), 0);
  return [{ metric: 'absorb', value, unit: 'rows/s', limit: round(read, 0), ratio: round(ratio, 3), floor: ABSORB_FLOOR }];
}

/** What the capture costs the application. @param events rows of the tables, all of which one statement changes */
export async function benchCapture({ events }: { readonly events: number }): Promise<Results> {
  const target = await CaptureTarget.create(events);
  try {
    const figures: Figure[] = [];
    figures.push(...(await singleRows(target, 1, SINGLE_ROWS)), ...(await singleRows(target, CLIENTS, ROWS_PER_CLIENT)));
    figures.push(...(await wholeTable(target)), ...(await serializationFailures(target)), ...(await absorb(target)));
    return { name: 'capture', machine: describeMachine(), figures };
  } finally {
    await target.stop();
  }
}
