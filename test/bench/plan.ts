import { PLAN_WAIT_MS_MAX } from '@recant/api';
import { describeMachine, type Figure, type Results, round } from './figures.ts';
import { createPlace, type Place, TENANT } from './rollback-place.ts';

/** Sizes at the full number of events; `--events` scales them. */
const FULL_EVENTS = 200_000;
const FULL = { few: 10_000, many: 100_000, before: 1_000_000, among: 2_000_000, after: 4_000_000 };
const PLAN_MS_MAX = 10_000;
const MIB_MAX = 512;
/** The same plan among four times as many attempts. */
const GROWTH_FLOOR = 1 / 1.2;
const WAIT_MS_MAX = 1_800_000;
const SAMPLE_MS = 20;

const AGENTS = ['few', 'many', 'wide'] as const;
type Agent = (typeof AGENTS)[number];

const schemaOf = (rows: number): string => `
${AGENTS.map((agent) => `CREATE TABLE ${agent} (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, note text)`).join(';\n')};
${AGENTS.map((agent) => `INSERT INTO ${agent} SELECT g, 0, 'note' FROM generate_series(1, ${rows}) g`).join(';\n')};
CREATE PROCEDURE act(name text, attempts int) LANGUAGE plpgsql AS $$
BEGIN
  FOR id IN 1 .. attempts LOOP
    EXECUTE format('UPDATE %I SET n = n + 1 WHERE id = $1', name) USING id;
    COMMIT;
  END LOOP;
END $$`;

/** Attempts of other agents, settled, over the last year: rows of the read models without their events. */
const CROWD_SOURCE = `INSERT INTO recant.source (tenant_id, source, agent, shard) VALUES ($1, 'recant://crowd', 'crowd', 0) ON CONFLICT DO NOTHING`;
const CROWD = `WITH one AS MATERIALIZED (SELECT gen_random_uuid() AS action, g, now() - g % 525600 * interval '1 minute' AS at FROM generate_series($2::bigint + 1, $3::bigint) g),
  source AS (SELECT source_no FROM recant.source WHERE tenant_id = $1 AND source = 'recant://crowd'),
  settled AS (INSERT INTO recant.settlement (tenant_id, source_no, action, attempt, shard, idx, outcome, chunks, effects, digest, settled_at, received_at, duration_ms)
    SELECT $1, source_no, action, 1, 0, 1000000000 + 2 * g + 1, 'succeeded', 0, 0, '\\x00', at, at, 5 FROM one, source)
  INSERT INTO recant.attempt (tenant_id, source_no, action, attempt, shard, idx, sequence, agent, tool, session, intended_at, received_at, deadline_at, reversibility, key_id)
    SELECT $1, source_no, action, 1, 0, 1000000000 + 2 * g, g, 'crowd-' || g % 100, 'tool-' || g % 20, 'session-' || g % 10000, at, at, at + interval '1 minute', 'reversible', 'crowd' FROM one, source`;
const CROWD_BATCH = 100_000;

async function crowd(place: Place, from: number, to: number): Promise<void> {
  await place.ledger.query(CROWD_SOURCE, [TENANT]);
  for (let at = from; at < to; at += CROWD_BATCH) await place.ledger.query(CROWD, [TENANT, at, Math.min(to, at + CROWD_BATCH)]);
  // As autovacuum does within a minute.
  await place.ledger.query('ANALYZE');
  await place.ledger.query('CHECKPOINT');
}

interface Planned {
  readonly ms: number;
  /** Most that this process, which has the services and their caller, held while it planned. */
  readonly mib: number;
}

async function plan(place: Place, agent: Agent, steps: number, rows: number): Promise<Planned> {
  let most = process.memoryUsage.rss();
  const sampling = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, SAMPLE_MS);
  const start = performance.now();
  const made = await place.operator.createPlan({ selection: { agents: [agent] }, mode: 'skip' });
  const ms = performance.now() - start;
  clearInterval(sampling);
  const counted = await place.ledger.query(`SELECT count(*)::int AS count FROM recant.plan_item WHERE plan_id = $1 AND list = 'steps'`, [
    made.id,
  ]);
  if (counted.rows[0].count !== steps) throw new Error(`expected a plan of ${steps} steps, got ${counted.rows[0].count}`);
  note(`${agent}: ${steps} steps, ${rows} rows in ${Math.round(ms)} ms`);
  return { ms, mib: most / 2 ** 20 };
}

async function act(place: Place, agent: Agent, work: string): Promise<void> {
  const client = await place.asAgent(agent);
  await client.query('SET synchronous_commit = off');
  await client.query(work);
  await client.end();
}

/** Until the ledger has what the target captured. */
async function received(place: Place): Promise<void> {
  for (const deadline = performance.now() + WAIT_MS_MAX; ; ) {
    const { missing } = await place.operator.watermark(PLAN_WAIT_MS_MAX);
    if (missing.length === 0) return;
    if (performance.now() > deadline) throw new Error(`the ledger did not receive what the target captured: ${JSON.stringify(missing)}`);
  }
}

const note = (text: string): void => void process.stderr.write(`plan: ${text}\n`);

/** How long planning takes, by the number of steps and of other attempts. */
export async function benchPlan({ events }: { readonly events: number }): Promise<Results> {
  const scaled = (size: number) => Math.ceil((size * events) / FULL_EVENTS);
  const [few, many, before, among, after] = [FULL.few, FULL.many, FULL.before, FULL.among, FULL.after].map(scaled) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const place = await createPlace(schemaOf(many), AGENTS);
  try {
    note(`${few} and ${many} attempts of one row, one attempt of ${many} rows`);
    await act(place, 'few', `CALL act('few', ${few})`);
    await act(place, 'many', `CALL act('many', ${many})`);
    await act(place, 'wide', `UPDATE wide SET n = n + 1`);
    await received(place);
    await place.target.query('ANALYZE');
    note(`among ${before} attempts`);
    await crowd(place, 0, before);
    await plan(place, 'few', few, few);
    const small = await plan(place, 'few', few, few);
    note(`among ${among} attempts`);
    await crowd(place, before, among);
    const large = await plan(place, 'many', many, many);
    const wide = await plan(place, 'wide', 1, many);
    const between = await plan(place, 'few', few, few);
    note(`among ${after} attempts`);
    await crowd(place, among, after);
    await plan(place, 'few', few, few);
    const last = await plan(place, 'few', few, few);
    return {
      name: 'plan',
      machine: describeMachine(),
      figures: [
        ...atMost(`${many} steps among ${among} attempts`, large),
        ...atMost(`one attempt of ${many} rows`, wide),
        growth(`a step of ${many} beside one of ${few}`, large.ms / many, between.ms / few),
        growth(`${few} steps among ${after} attempts beside ${before}`, last.ms / few, small.ms / few),
      ],
    };
  } finally {
    await place.stop();
  }
}

function atMost(what: string, { ms, mib }: Planned): Figure[] {
  return [
    { metric: `${what}: time`, value: round(ms, 0), unit: 'ms', limit: PLAN_MS_MAX, ratio: round(PLAN_MS_MAX / ms, 3), floor: 1 },
    { metric: `${what}: memory`, value: round(mib, 0), unit: 'MiB', limit: MIB_MAX, ratio: round(MIB_MAX / mib, 3), floor: 1 },
  ];
}

function growth(metric: string, value: number, limit: number): Figure {
  return {
    metric,
    value: round(1_000 * value),
    unit: 'µs/step',
    limit: round(1_000 * limit),
    ratio: round(limit / value, 3),
    floor: GROWTH_FLOOR,
  };
}
