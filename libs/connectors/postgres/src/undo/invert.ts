import { ConnectorError, type InverseBatch, type InverseResult, type InverseStep, type RehearsedStep } from '@recant/connector';
import type { ClientBase, Pool } from 'pg';
import { readHoles } from '../install/holes.ts';
import { readAgentCode } from './agent-code.ts';
import { readApplied } from './applied.ts';
import { capturedOf } from './captured.ts';
import type { LoneTables } from './choose-set.ts';
import { applicationOf, passFence } from './fence.ts';
import { goalOf, type StepGoal } from './goal.ts';
import { readLaterWrites } from './later-writes.ts';
import { type Key, keyId, lockRows } from './live.ts';
import { isHiding } from './probe.ts';
import { type CapturedTable, type Registry, readRegistry } from './registry.ts';
import { byTable } from './rows.ts';
import { inStepTransaction, inTransaction, isSqlError, withPatience } from './session.ts';
import { addressOf, lockedResult, refusalOf, resultOf } from './step.ts';
import { undoTogether } from './undo-together.ts';
import { imagesGone, unreadableFindings } from './unreadable.ts';
import { verifyEffects } from './verify.ts';

/** Bounds of one transaction; a step is never split. */
const STEPS_MAX = 500;
export const EFFECTS_MAX = 5_000;
/** After so long a transaction begins no further set of steps, in milliseconds: it holds the locks of all its rows. */
const TRANSACTION_MS = 2_000;

/** How long steps whose rows are held may wait for them altogether in one call, in milliseconds. */
const PATIENCE_MS = 2_500;

export interface InvertOptions {
  readonly statementMs: number;
  /** What earlier calls for the run found out; added to. */
  readonly lone: LoneTables;
}

/** Steps in bounded transactions, in order. A transaction that fails is bisected to the steps that fail. */
export async function invert(
  pool: Pool,
  system: string,
  asked: InverseBatch,
  { statementMs, lone }: InvertOptions,
): Promise<InverseResult[]> {
  // `any` is a question of a rehearsal; a write names all that it may overwrite.
  const batch = { ...asked, steps: asked.steps.map((step) => (step.overwrites === 'any' ? { ...step, overwrites: [] } : step)) };
  const registry = await inTransaction(pool, (client) => readRegistry(client, system));
  const results = new Map<number, InverseResult>();
  const context = { pool, registry, batch, statementMs, lone, until: performance.now() + PATIENCE_MS };
  const add = (done: readonly InverseResult[]) => {
    for (const result of done) results.set(result.step, result);
  };
  for (const steps of chunksOf(batch.steps)) add(await invertAll(context, steps, false));
  for (const step of batch.steps.filter(({ step }) => isHeld(results.get(step)))) {
    if (performance.now() >= context.until) break;
    add(await invertChunk(context, [step], true));
  }
  return batch.steps.flatMap(({ step }) => results.get(step) ?? []);
}

const isHeld = (result: InverseResult | undefined): boolean =>
  result?.outcome === 'stuck' && result.findings.every(({ code }) => code === 'locked');

export function chunksOf<S extends RehearsedStep>(steps: readonly S[]): S[][] {
  const chunks: S[][] = [];
  let effects = 0;
  for (const step of steps) {
    const last = chunks.at(-1);
    effects += step.effects.length;
    if (last !== undefined && last.length < STEPS_MAX && effects <= EFFECTS_MAX) last.push(step);
    else {
      chunks.push([step]);
      effects = step.effects.length;
    }
  }
  return chunks;
}

const cancelled = (step: InverseStep): InverseResult =>
  resultOf(step.step, 'stuck', {
    findings: [{ ...addressOf(step), code: 'timeout', detail: 'Cancelled while it was running; it wrote nothing.' }],
  });

interface Inverting {
  readonly pool: Pool;
  readonly registry: Registry;
  readonly batch: InverseBatch;
  readonly statementMs: number;
  readonly lone: LoneTables;
  /** On the monotonic clock, in milliseconds: no further wait for locks begins after it. */
  readonly until: number;
}

/** In as many transactions as it needs. */
async function invertAll(context: Inverting, steps: readonly InverseStep[], waits: boolean): Promise<InverseResult[]> {
  const results = new Map<number, InverseResult>();
  for (let rest = steps; rest.length > 0; rest = rest.filter(({ step }) => !results.has(step)))
    for (const result of await invertChunk(context, rest, waits)) results.set(result.step, result);
  return [...results.values()];
}

/** @returns results of at least one step; those without one follow */
async function invertChunk(context: Inverting, steps: readonly InverseStep[], waits: boolean): Promise<InverseResult[]> {
  const { pool, registry, batch, statementMs, lone, until } = context;
  if (batch.signal?.aborted) return steps.map(cancelled);
  try {
    const how = { waits, lone, budgetMs: TRANSACTION_MS };
    return await inStepTransaction(pool, (client) => invertSteps(client, registry, batch, steps, how), {
      statementTimeoutMs: statementMs,
      application: applicationOf(batch.run, batch.token),
      signal: batch.signal,
    });
  } catch (error) {
    if (error instanceof ConnectorError) throw error;
    if (batch.signal?.aborted) return steps.map(cancelled);
    const [step] = steps;
    if (step !== undefined && steps.length === 1) return [refusalOf(step, error)];
    // Where a whole table is locked, each half waits for it again: not for longer than the patience of the call.
    if (isSqlError(error) && error.code === '55P03' && performance.now() >= until) return steps.map((one) => refusalOf(one, error));
    const half = steps.length >> 1;
    const first = await invertAll(context, steps.slice(0, half), waits);
    return [...first, ...(await invertAll(context, steps.slice(half), waits))];
  }
}

async function invertSteps(
  client: ClientBase,
  registry: Registry,
  batch: InverseBatch,
  steps: readonly InverseStep[],
  how: HowToUndo,
): Promise<InverseResult[]> {
  const { run, token } = batch;
  if (!(await passFence(client, run, token))) return steps.map(fenced);
  const results = new Map(
    (
      await readApplied(
        client,
        registry.system,
        run,
        steps.map(({ step }) => step),
      )
    ).map((result) => [result.step, result]),
  );
  await undoSteps(
    client,
    registry,
    batch,
    steps.filter(({ step }) => !results.has(step)),
    results,
    how,
  );
  return steps.flatMap(({ step }) => results.get(step) ?? []);
}

export interface HowToUndo {
  /** False: steps whose rows are held are left out. */
  readonly waits: boolean;
  readonly lone: LoneTables;
  /** After so many milliseconds the steps that are left get no result. */
  readonly budgetMs: number;
}

/** Locks the rows of all steps, then undoes them in order. At least one step gets its result. */
export async function undoSteps(
  client: ClientBase,
  registry: Registry,
  { run, token, signal }: Pick<InverseBatch, 'run' | 'token' | 'signal'>,
  steps: readonly InverseStep[],
  results: Map<number, InverseResult>,
  { waits, lone, budgetMs }: HowToUndo,
): Promise<void> {
  await withPatience(client, 'SELECT recant.absorb()');
  const goals = await readGoals(client, registry, steps, results);
  const hiding = new Set<number>();
  const tables = byTable([...goals.values()].flatMap((goal) => [...goal.rows.values()]));
  const held = new Set<string>();
  for (const [captured, rows] of tables) {
    if (await isHiding(client, captured)) hiding.add(captured.relation);
    const keys = rows.map((row) => row.key);
    const passed = await lockTable(client, captured, keys, waits);
    for (const row of rows) if (passed === 'all' || passed.has(keyId(row.key))) held.add(row.resource);
  }
  leaveHeld(goals, held, results);
  // Every change of these rows before the locks is committed, so that the queue contains it.
  await withPatience(client, 'SELECT recant.absorb()');
  const later = await readLaterWrites(client, registry, [...goals.values()]);
  const agentCode = await readAgentCode(client, [...tables.keys()]);
  const holes = await readHoles(
    client,
    [...tables.keys()].map(({ relation }) => relation),
  );
  await client.query('SET CONSTRAINTS ALL DEFERRED');
  const context = { client, registry, run, token, later, hiding, agentCode, holes, signal };
  await undoTogether(context, goals, { lone, until: performance.now() + budgetMs }, (result) => results.set(result.step, result));
}

/** @returns keys of rows that another session holds, or that it holds the whole table */
async function lockTable(
  client: ClientBase,
  captured: CapturedTable,
  keys: readonly Key[],
  waits: boolean,
): Promise<ReadonlySet<string> | 'all'> {
  if (waits) return lockRows(client, captured, keys, true);
  await client.query('SAVEPOINT recant_lock');
  try {
    return await lockRows(client, captured, keys, false);
  } catch (error) {
    if (!isSqlError(error) || error.code !== '55P03') throw error;
    await client.query('ROLLBACK TO SAVEPOINT recant_lock');
    return 'all';
  } finally {
    await client.query('RELEASE SAVEPOINT recant_lock').catch(() => undefined);
  }
}

/** Leaves out the steps of these rows, and what must follow one of them. */
function leaveHeld(goals: Map<InverseStep, StepGoal>, held: ReadonlySet<string>, results: Map<number, InverseResult>): void {
  if (held.size === 0) return;
  const after = new Set(held);
  for (const [step, goal] of goals) {
    const resource = [...goal.rows.keys()].find((row) => after.has(row));
    if (resource === undefined) continue;
    for (const row of goal.rows.keys()) after.add(row);
    goals.delete(step);
    results.set(step.step, lockedResult(step, resource, 'Another session holds a lock on this row.'));
  }
}

/** Only steps whose effects are what the target captured get a goal; the others get their result here. */
export async function readGoals<S extends RehearsedStep>(
  client: ClientBase,
  registry: Registry,
  steps: readonly S[],
  results: Map<number, InverseResult>,
): Promise<Map<S, StepGoal>> {
  const captured = await capturedOf(
    client,
    registry.system,
    steps.map(({ undoes }) => undoes),
  );
  const unreadable = await unreadableFindings(
    client,
    registry.system,
    steps.map(({ undoes }) => undoes),
  );
  const gone = await imagesGone(
    client,
    registry.system,
    steps.map(({ undoes }) => undoes),
  );
  const goals = new Map<S, StepGoal>();
  for (const [index, step] of steps.entries()) {
    const why = gone[index];
    if (why !== undefined) {
      const { outcome, ...finding } = why;
      results.set(step.step, resultOf(step.step, outcome, { findings: [{ ...addressOf(step), ...finding }] }));
      continue;
    }
    const leaves = new Set(step.leaves);
    const own = (captured[index] ?? []).filter(({ effect }) => !leaves.has(effect.resource));
    const findings = [...verifyEffects(registry, step, own), ...(unreadable[index] ?? [])];
    if (findings.length > 0) results.set(step.step, resultOf(step.step, 'conflicted', { findings }));
    else goals.set(step, { ...goalOf(registry, own), ...(step.overwrites && { overwrites: step.overwrites }) });
  }
  return goals;
}

const fenced = (step: InverseStep): InverseResult => {
  const resource = step.effects[0]?.resource ?? '';
  return resultOf(step.step, 'conflicted', {
    findings: [{ resource, part: 'exists', code: 'fenced', detail: 'Fenced: a newer claim of this run has started.' }],
  });
};
