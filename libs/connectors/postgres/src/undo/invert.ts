import type { InverseBatch, InverseResult, InverseStep, RehearsedStep } from '@recant/connector';
import type { ClientBase, Pool } from 'pg';
import { readHoles } from '../install/holes.ts';
import { readAgentCode } from './agent-code.ts';
import { readApplied } from './applied.ts';
import { capturedOf } from './captured.ts';
import { goalOf, type StepGoal } from './goal.ts';
import { readLaterWrites } from './later-writes.ts';
import { lockRows } from './live.ts';
import { isHiding } from './probe.ts';
import { type Registry, readRegistry } from './registry.ts';
import { inTransaction } from './session.ts';
import { addressOf, byTable, refusalOf, resultOf, undoStep } from './step.ts';
import { imagesGone, unreadableFindings } from './unreadable.ts';
import { verifyEffects } from './verify.ts';

/** Bounds of one transaction; a step is never split. */
const STEPS_MAX = 50;
export const EFFECTS_MAX = 5_000;

/** Steps in bounded transactions, in order. Where a transaction fails as a whole, each of its steps gets one of its own. */
export async function invert(pool: Pool, system: string, batch: InverseBatch): Promise<InverseResult[]> {
  const registry = await inTransaction(pool, (client) => readRegistry(client, system));
  const results: InverseResult[] = [];
  for (const steps of chunksOf(batch.steps)) results.push(...(await invertChunk(pool, registry, batch, steps)));
  return results;
}

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

async function invertChunk(pool: Pool, registry: Registry, batch: InverseBatch, steps: readonly InverseStep[]): Promise<InverseResult[]> {
  try {
    return await inTransaction(pool, (client) => invertSteps(client, registry, batch, steps));
  } catch (error) {
    const [step] = steps;
    const refusal = step === undefined ? undefined : refusalOf(step, error);
    if (refusal === undefined) throw error;
    if (steps.length === 1) return [refusal];
    const results: InverseResult[] = [];
    for (const one of steps) results.push(...(await invertChunk(pool, registry, batch, [one])));
    return results;
  }
}

async function invertSteps(
  client: ClientBase,
  registry: Registry,
  batch: InverseBatch,
  steps: readonly InverseStep[],
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
  );
  return steps.flatMap(({ step }) => results.get(step) ?? []);
}

/** Locks the rows of all steps, then undoes one after the other. Each step gets its result. */
export async function undoSteps(
  client: ClientBase,
  registry: Registry,
  { run, token }: Pick<InverseBatch, 'run' | 'token'>,
  steps: readonly InverseStep[],
  results: Map<number, InverseResult>,
): Promise<void> {
  await client.query('SELECT recant.absorb()');
  const goals = await readGoals(client, registry, steps, results);
  const hiding = new Set<number>();
  const tables = byTable([...goals.values()].flatMap((goal) => [...goal.rows.values()]));
  for (const [captured, rows] of tables) {
    if (await isHiding(client, captured)) hiding.add(captured.relation);
    await lockRows(
      client,
      captured,
      rows.map((row) => row.key),
    );
  }
  // Every change of these rows before the locks is committed, so that the queue contains it.
  await client.query('SELECT recant.absorb()');
  const later = await readLaterWrites(client, registry, [...goals.values()]);
  const agentCode = await readAgentCode(client, [...tables.keys()]);
  const holes = await readHoles(
    client,
    [...tables.keys()].map(({ relation }) => relation),
  );
  await client.query('SET CONSTRAINTS ALL DEFERRED');
  for (const [step, goal] of goals)
    results.set(step.step, await undoStep({ client, registry, run, token, later, hiding, agentCode, holes }, step, goal));
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
    const findings = [...verifyEffects(registry, step, captured[index] ?? []), ...(unreadable[index] ?? [])];
    if (findings.length > 0) results.set(step.step, resultOf(step.step, 'conflicted', { findings }));
    else goals.set(step, goalOf(registry, captured[index] ?? []));
  }
  return goals;
}

/** Holds the run's row until the transaction ends: batches of one run follow one another, and an older claim is turned away. */
async function passFence(client: ClientBase, run: string, token: string): Promise<boolean> {
  const { rows } = await client.query<{ passed: boolean }>('SELECT recant.pass_fence($1, $2) AS passed', [run, token]);
  return rows[0]?.passed === true;
}

const fenced = (step: InverseStep): InverseResult => {
  const resource = step.effects[0]?.resource ?? '';
  return resultOf(step.step, 'conflicted', {
    findings: [{ resource, part: 'exists', code: 'fenced', detail: 'Fenced: a newer claim of this run has started.' }],
  });
};
