import { on } from 'node:events';
import { loadavg } from 'node:os';
import { PLAN_WAIT_MS_MAX } from '@recant/api';
import { describeMachine, type Figure, type Results, round } from './figures.ts';
import { cpuSecondsOf } from './processes.ts';
import { createPlace, type Place } from './rollback-place.ts';
import { scriptSeconds } from './rollback-script.ts';

/** Rows of an attempt that changes many. */
const WIDE_ROWS = 100;
/** Steps of one row each, as a share of the rows. */
const SINGLE_SHARE = 0.1;
/** 100,000 row inverses in 60 s. */
const ROWS_PER_SECOND = 100_000 / 60;
/** As a share of one set-based script that writes the same rows. */
const SCRIPT_FLOOR = 0.7;
const COUNTER_FLOOR = 0.5;
/** With a step that fails, a run takes at most 1.2 times as long. */
const POISON_FLOOR = 0.833;
const WAIT_MS_MAX = 1_800_000;

const AGENTS = ['wide', 'single', 'counter', 'poisoned'] as const;
type Agent = (typeof AGENTS)[number];

const COLUMNS = `id bigint PRIMARY KEY, customer int NOT NULL, state text, amount numeric(12,2), note text, n int NOT NULL DEFAULT 0, at timestamptz NOT NULL DEFAULT now()`;
const rowsInto = (table: string, rows: number) =>
  `INSERT INTO ${table} (id, customer, state, amount, note) SELECT g, g % 1000, 'open', g / 7.0, repeat('note ', 8) FROM generate_series(1, ${rows}) g`;

/** One transaction, so one attempt, for each range of rows; on the counter each changes the same row. */
const schemaOf = (rows: number, steps: number): string => `
${AGENTS.map((agent) => `CREATE TABLE ${agent} (${COLUMNS}); CREATE TABLE ${agent}_script (LIKE ${agent} INCLUDING ALL)`).join(';\n')};
${rowsInto('wide', rows)}; ${rowsInto('wide_script', rows)}; ${rowsInto('single', steps)}; ${rowsInto('single_script', steps)};
${rowsInto('counter', 1)}; ${rowsInto('counter_script', 1)}; ${rowsInto('poisoned', steps)}; ${rowsInto('poisoned_script', 1)};
CREATE PROCEDURE spoil(name text, attempts int, width int) LANGUAGE plpgsql AS $$
BEGIN
  FOR n IN 0 .. attempts - 1 LOOP
    EXECUTE format('UPDATE %I SET n = n + 1, state = ''spoilt'', amount = amount + 1 WHERE id BETWEEN $1 AND $2', name)
      USING CASE WHEN name LIKE 'counter%' THEN 1 ELSE n * width + 1 END, CASE WHEN name LIKE 'counter%' THEN 1 ELSE (n + 1) * width END;
    COMMIT;
  END LOOP;
END $$;
CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = '53200'; END $$`;

interface Undone {
  readonly seconds: number;
  readonly steps: number;
  readonly run: string;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly stuck: number;
  readonly cpu: { readonly service: number; readonly postgres: number };
}

/** The ledger's database announces the end of a run, so that nothing asks for it while it is measured. */
const ANNOUNCE = `CREATE FUNCTION public.announce_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('run_ended', NEW.id::text); RETURN NULL; END $$;
CREATE TRIGGER announce_end AFTER UPDATE OF state ON recant.run FOR EACH ROW WHEN (NEW.state IN ('finished', 'waiting', 'cancelled')) EXECUTE FUNCTION public.announce_end();
LISTEN run_ended`;

/** Undoes everything of one agent and waits until the run ends or only stuck steps are left. */
async function undo(place: Place, agent: Agent, expected: number, planned = async (): Promise<unknown> => undefined): Promise<Undone> {
  const plan = await planOf(place, agent, expected);
  await planned();
  await place.ledger.query('CHECKPOINT');
  const before = { service: process.cpuUsage(), postgres: cpuSecondsOf(place.postgresPid) };
  const ends = on(place.ledger, 'notification', { signal: AbortSignal.timeout(WAIT_MS_MAX) });
  const { id } = await place.operator.createRun(plan.id, plan.digest);
  for await (const [{ payload }] of ends) if (payload === id) break;
  const service = process.cpuUsage(before.service);
  const cpu = { service: (service.user + service.system) / 1e6, postgres: cpuSecondsOf(place.postgresPid) - before.postgres };
  const { rows } = await place.ledger.query<{ seconds: number }>(
    `SELECT extract(epoch FROM coalesce(finished_at, now()) - created_at)::float8 AS seconds FROM recant.run WHERE id = $1`,
    [id],
  );
  const { account } = await place.operator.run(id);
  const outcomes = account.outcomes as Record<string, number>;
  note(`${agent}: ${rows[0]?.seconds.toFixed(1)} s, load ${loadavg()[0]?.toFixed(1)}`);
  return { seconds: rows[0]?.seconds ?? Number.NaN, steps: expected, run: id, outcomes, stuck: account.open, cpu };
}

/** The ledger has all attempts: neither a run nor a script shares the machine with their recording. */
async function recorded(place: Place): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while ((await place.operator.watermark(PLAN_WAIT_MS_MAX)).missing.length > 0)
    if (performance.now() > deadline) throw new Error('the ledger did not receive what the target captured');
}

async function planOf(place: Place, agent: Agent, expected: number): Promise<{ readonly id: string; readonly digest: string }> {
  await recorded(place);
  // As autovacuum does within a minute.
  for (const database of [place.target, place.ledger]) await database.query('ANALYZE');
  const plan = await place.operator.createPlan({ selection: { agents: [agent] }, mode: 'skip' });
  const { rows } = await place.ledger.query(`SELECT count(*)::int AS count FROM recant.plan_item WHERE plan_id = $1 AND list = 'steps'`, [
    plan.id,
  ]);
  if (rows[0].count !== expected) throw new Error(`expected a plan of ${expected} steps, got ${rows[0].count}`);
  return plan;
}

async function spoil(place: Place, agent: Agent, table: string, attempts: number, width: number): Promise<void> {
  const client = await place.asAgent(agent);
  await client.query('SET synchronous_commit = off');
  await client.query(`CALL spoil('${table}', ${attempts}, ${width})`);
  await client.end();
}

const note = (text: string): void => void process.stderr.write(`rollback: ${text}\n`);

function figuresOf(what: string, rows: number, undone: Undone): Figure[] {
  const perRow = (seconds: number) => round((seconds * 1e6) / rows);
  return [
    { metric: `${what}: CPU of the services`, value: perRow(undone.cpu.service), unit: 'µs/row' },
    { metric: `${what}: CPU of PostgreSQL`, value: perRow(undone.cpu.postgres), unit: 'µs/row' },
  ];
}

/** A run beside a script over the same rows of a second table. */
async function besideScript(
  place: Place,
  agent: 'wide' | 'single',
  rows: number,
  width: number,
): Promise<{ figures: Figure[]; undone: Undone }> {
  const attempts = rows / width;
  note(`${agent}: ${attempts} attempts of ${width} rows`);
  await spoil(place, agent, agent, attempts, width);
  const undone = await undo(place, agent, attempts);
  if (undone.outcomes.restored !== attempts) throw new Error(`expected ${attempts} restored, got ${JSON.stringify(undone)}`);
  await spoil(place, agent, `${agent}_script`, attempts, width);
  await recorded(place);
  const script = await scriptSeconds(place, `${agent}_script`, agent, undone.run);
  note(`${agent}: script ${script.toFixed(1)} s, load ${loadavg()[0]?.toFixed(1)}`);
  const rate = (seconds: number) => Math.round(rows / seconds);
  const what = width === 1 ? `${attempts} steps of one row` : `${rows} rows, ${width} a step`;
  const value = rate(undone.seconds);
  const figures: Figure[] = [
    {
      metric: `${what}: beside the script`,
      value,
      unit: 'rows/s',
      limit: rate(script),
      ratio: round(script / undone.seconds, 3),
      floor: SCRIPT_FLOOR,
    },
    {
      metric: `${what}: beside 100,000 rows a minute`,
      value,
      unit: 'rows/s',
      limit: Math.round(ROWS_PER_SECOND),
      ratio: round(value / ROWS_PER_SECOND, 3),
      floor: 1,
    },
    ...figuresOf(what, rows, undone),
  ];
  return { figures, undone };
}

/** How fast a run undoes rows, and whether all went back. @param events rows of the widest run */
export async function benchRollback({ events }: { readonly events: number }): Promise<Results> {
  const rows = Math.ceil(events / WIDE_ROWS) * WIDE_ROWS;
  const steps = Math.ceil(rows * SINGLE_SHARE);
  const place = await createPlace(schemaOf(rows, steps), AGENTS);
  try {
    await place.ledger.query(ANNOUNCE);
    const wide = await besideScript(place, 'wide', rows, WIDE_ROWS);
    const single = await besideScript(place, 'single', steps, 1);
    note(`counter: ${steps} attempts on one row`);
    await spoil(place, 'counter', 'counter', steps, 1);
    const counter = await undo(place, 'counter', steps);
    note(`poisoned: ${steps} attempts, one of which cannot be undone`);
    await spoil(place, 'poisoned', 'poisoned', steps, 1);
    const poison = `CREATE TRIGGER poison BEFORE UPDATE ON poisoned FOR EACH ROW WHEN (OLD.id = ${Math.ceil(steps / 3)}) EXECUTE FUNCTION poison()`;
    const poisoned = await undo(place, 'poisoned', steps, () => place.target.query(poison));
    if (counter.outcomes.restored !== steps || poisoned.outcomes.restored !== steps - 1 || poisoned.stuck !== 1)
      throw new Error(`expected all restored but one: ${JSON.stringify([counter, poisoned])}`);
    const rate = (undone: Undone) => Math.round(undone.steps / undone.seconds);
    const ratio = (undone: Undone) => round(single.undone.seconds / undone.seconds, 3);
    const beside = { unit: 'steps/s', limit: rate(single.undone) };
    const figures: Figure[] = [
      ...wide.figures,
      ...single.figures,
      {
        metric: `${steps} steps on one row: beside independent ones`,
        value: rate(counter),
        ...beside,
        ratio: ratio(counter),
        floor: COUNTER_FLOOR,
      },
      { metric: `${steps} steps, one stuck: beside none`, value: rate(poisoned), ...beside, ratio: ratio(poisoned), floor: POISON_FLOOR },
    ];
    return { name: 'rollback', machine: describeMachine(), figures };
  } finally {
    await place.stop();
  }
}
