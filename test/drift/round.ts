import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import type { Stage } from '../../services/rollback/test/harness.ts';
import { KINDS, type Kind, NEW, rowsOf } from './kinds.ts';

/** Steps of one transaction, and how many of them get an outside change. */
export const BATCH_STEPS = 12;
const CHANGED = 10;

type When = 'between test and write' | 'before the test';
interface Change {
  readonly id: number;
  readonly value: number;
  readonly kind: Kind;
  readonly when: When;
}

export interface Round {
  /** Changes that were made, by when. */
  readonly made: Readonly<Record<When, number>>;
  /** Steps that were undone although somebody changed their row: the change came after them. */
  readonly restored: number;
  readonly conflicted: number;
  /** What must not be: an outside change that is gone, or that nothing names. */
  readonly faults: readonly string[];
}

/**
 * One run of two transactions. The first one is stopped between its tests and its write; then outside writers change rows of both: rows of the first one that it has locked (they
 * wait) or that are not there (they do not), and rows of the second one, which are not tested yet.
 */
export async function playRound(stage: Stage, seed: number): Promise<Round> {
  const random = randomOf(seed);
  const ids = Array.from({ length: 2 * BATCH_STEPS }, (_, n) => seed * 100 + n + 1);
  const from = new Date().toISOString();
  const changes = ids.map((id, n): Change => {
    // The newest attempt is undone first.
    const when = n < BATCH_STEPS ? 'before the test' : 'between test and write';
    const kinds = KINDS.filter(({ onlyBefore }) => when === 'before the test' || !onlyBefore);
    return { id, value: 1_000_000 + id, kind: kinds[Math.floor(random() * kinds.length)] as Kind, when };
  });
  await stage.shop.owner.query(rowsOf(ids));
  for (const { id, kind } of changes) await stage.shop.pool.query(kind.agent(id));
  const made = changes.filter((_, n) => n % BATCH_STEPS < CHANGED);
  const gate = new pg.Client({ connectionString: stage.shop.ownerUrl });
  const outside = new pg.Pool({ connectionString: stage.shop.ownerUrl, max: 2 * CHANGED, application_name: OUTSIDE });
  try {
    await gate.connect();
    const plan = await planOf(stage, from, ids.length);
    await gate.query('SELECT pg_advisory_lock(1)');
    const { id: run } = await stage.operator.createRun(plan.id, plan.digest);
    await waitUntil(async () => (await gate.query(IS_AT_GATE)).rowCount === 1 || undefined, { what: 'the inverse to come to its write' });
    const changing = await changeAll(gate, outside, made);
    await gate.query('SELECT pg_advisory_unlock(1)');
    await Promise.all(changing);
    await waitUntil(async () => (await stage.operator.run(run)).state === 'finished' || undefined, {
      what: 'the run to end',
      timeoutMs: 60_000,
    });
    await stage.shop.owner.query('SELECT recant.absorb()');
    return await judge(stage, run, changes, made);
  } finally {
    await gate.end();
    await outside.end();
  }
}

const OUTSIDE = 'outside';
const IS_AT_GATE = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1`;
const WAITING = `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND application_name = '${OUTSIDE}' AND wait_event_type = 'Lock'`;

async function planOf(stage: Stage, from: string, steps: number) {
  const login = new URL(stage.shop.agentUrl).username;
  await waitUntil(async () => (await stage.operator.watermark(1_000)).missing.length === 0 || undefined, {
    what: 'the ledger to have all attempts',
  });
  const plan = await stage.operator.createPlan({ selection: { agents: [login] }, window: { from }, mode: 'skip' });
  if (plan.body.steps.length !== steps) throw new Error(`expected a plan of ${steps} steps, got ${plan.body.steps.length}`);
  return plan;
}

/** Resolves once each change is made, or waits for a row that the run has locked. @returns resolves once all are made */
async function changeAll(gate: pg.Client, outside: pg.Pool, changes: readonly Change[]): Promise<Promise<unknown>[]> {
  let done = 0;
  const all = changes.map(async ({ kind, id, value }): Promise<void> => {
    await outside.query(kind.outside(id, value));
    done += 1;
  });
  for (const one of all) one.catch(() => undefined);
  const isMet = async (): Promise<boolean> => (await gate.query<{ count: number }>(WAITING)).rows[0]?.count === changes.length - done;
  await waitUntil(async () => (await isMet()) || undefined, { what: 'every outside change to be made or to wait' });
  return all;
}

/** The step that undid a row's attempt, and what the target captured of outside writers after its inverse. */
async function judge(stage: Stage, run: string, all: readonly Change[], made: readonly Change[]): Promise<Round> {
  const login = new URL(stage.shop.ownerUrl).username;
  const { items: steps } = await stage.operator.runSteps(run, {}, { limit: 500 });
  const faults: string[] = [];
  const fault = (change: Change, what: string): void => void faults.push(`row ${change.id}, ${change.kind.name}, ${change.when}: ${what}`);
  const counts = { restored: 0, conflicted: 0 };
  // The newest attempt is undone first.
  for (const [n, change] of all.entries()) {
    const { id, value, kind } = change;
    const step = steps[all.length - 1 - n];
    const outcome = step?.outcome;
    if (!made.includes(change)) {
      if (outcome !== 'restored') fault(change, `nobody changed it, and its step ended ${outcome}`);
      continue;
    }
    if ((await stage.shop.owner.query(kind.stands(id, value))).rowCount !== 1) fault(change, 'the outside change is gone');
    if (outcome === 'restored') {
      counts.restored += 1;
      const { rowCount } = await stage.shop.owner.query(CAPTURED_AFTER, [run, step?.step, login, String(id)]);
      if (rowCount === 0) fault(change, 'its step is restored, and nothing says that somebody changed the row later');
    } else if (outcome === 'conflicted') {
      counts.conflicted += 1;
      const own = new RegExp(`/accounts/(${id}|${id + NEW})$`);
      const finding = step?.findings.find(({ resource = '' }) => own.test(resource.replace('public.accounts', 'accounts')));
      if (finding === undefined || !(kind.isElsewhere || finding.detail.includes(login)))
        fault(change, `not named: ${JSON.stringify(step?.findings)}`);
    } else fault(change, `its step ended ${outcome}`);
  }
  const whens = made.map(({ when }) => when);
  const of = (when: When) => whens.filter((one) => one === when).length;
  return { made: { 'between test and write': of('between test and write'), 'before the test': of('before the test') }, ...counts, faults };
}

/** A change of the row by this login after the step's inverse. */
const CAPTURED_AFTER = `SELECT FROM recant.change c JOIN recant.relation r ON r.id = c.relation AND r.table_name = 'accounts'
  WHERE c.login = $3 AND c.key = ARRAY[$4] AND c.ordinal > (SELECT max(i.ordinal) FROM recant.applied p JOIN recant.change i ON i.attempt = p.attempt WHERE p.run = $1 AND p.step = $2)`;

/** The same numbers from the same seed, from 0 up to 1. */
function randomOf(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_507) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
