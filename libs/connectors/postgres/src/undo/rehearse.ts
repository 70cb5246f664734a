import { ConnectorError, type InverseResult, type RehearsedStep } from '@recant/connector';
import type { ClientBase, Pool } from 'pg';
import { readHoles } from '../install/holes.ts';
import { agentCodeFindings, readAgentCode } from './agent-code.ts';
import { chunksOf, EFFECTS_MAX, readGoals, undoSteps } from './invert.ts';
import { readLaterWrites } from './later-writes.ts';
import type { Versions } from './live.ts';
import { restoredVersions, rowsUnder } from './overlay.ts';
import { uncapturedValues } from './overwrites.ts';
import { isHiding } from './probe.ts';
import { type Registry, readRegistry } from './registry.ts';
import { byTable, readRows } from './rows.ts';
import { inStepTransaction, inTransaction, isSqlError, withPatience } from './session.ts';
import { guardStep, refusalOf, resultOf } from './step.ts';
import { withValues } from './values.ts';

/** A rehearsal gives way: an application waits for it at most this long, in milliseconds. */
const LOCK_TIMEOUT_MS = 1_000;
const OPTIONS = { lockTimeoutMs: LOCK_TIMEOUT_MS, patienceMs: LOCK_TIMEOUT_MS, rollBack: true } as const;
/** Lock not available, query canceled, deadlock, serialization failure: somebody works on these rows now, which says nothing about the steps. */
const BUSY = new Set(['55P03', '57014', '40P01', '40001']);

/** Findings that only a write makes, and that do not come from an earlier step that could not be written. */
const BY_WRITING = new Set(['side_effect', 'reaches_uncaptured', 'read_back', 'unreadable', 'target_error']);

/**
 * The steps as `invert` would run them, in one transaction that is always rolled back. With more than EFFECTS_MAX effects only the guards are checked, without
 * a write. Where rows stay locked, the guards decide, and what the other steps' writes were found to do. Sequences that triggers advance stay advanced.
 */
export async function rehearse(pool: Pool, system: string, steps: readonly RehearsedStep[]): Promise<InverseResult[]> {
  const registry = await inTransaction(pool, async (client) => {
    await client.query('SELECT recant.absorb()');
    return readRegistry(client, system);
  });
  const effects = steps.reduce((sum, step) => sum + step.effects.length, 0);
  if (effects > EFFECTS_MAX) return checkGuards(pool, registry, steps);
  const results = await unlessBusy(writeAndRollBack(pool, registry, steps, true));
  if (results?.some(isBusy) === false) return results;
  const withoutHeld = await unlessBusy(writeAndRollBack(pool, registry, steps, false));
  const refused = new Map(withoutHeld?.filter(isRefusedByWriting).map((result) => [result.step, result]));
  const guarded = await checkGuards(pool, registry, steps);
  return guarded.map((result) => (result.outcome === 'conflicted' ? result : (refused.get(result.step) ?? result)));
}

const isRefusedByWriting = ({ outcome, findings }: InverseResult): boolean =>
  outcome === 'conflicted' && findings.every(({ code }) => BY_WRITING.has(code));

const isBusy = ({ outcome, findings }: InverseResult): boolean =>
  outcome === 'stuck' && findings.some(({ code }) => code === 'locked' || code === 'timeout');

async function unlessBusy<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const cause = error instanceof ConnectorError ? error.cause : error;
    if (isSqlError(cause) && BUSY.has(cause.code)) return undefined;
    throw error;
  }
}

/** The connection was lost, or rows stay locked: nothing is known about one step. */
const isOfAll = (error: unknown): boolean => error instanceof ConnectorError || (isSqlError(error) && BUSY.has(error.code));

/**
 * Where a step fails the transaction as a whole, it is found by itself, and the others are rehearsed without it.
 * @param waits for rows that another session holds; else their steps are left out
 */
async function writeAndRollBack(pool: Pool, registry: Registry, steps: readonly RehearsedStep[], waits: boolean): Promise<InverseResult[]> {
  try {
    return await inStepTransaction(pool, (client) => undoRehearsed(client, registry, steps, waits), OPTIONS);
  } catch (error) {
    const [first] = steps;
    if (first === undefined || isOfAll(error)) throw error;
    if (steps.length === 1) return [refusalOf(first, error)];
  }
  const failing = new Map<number, InverseResult>();
  for (const step of steps) {
    try {
      await inStepTransaction(pool, (client) => undoRehearsed(client, registry, [step], waits), OPTIONS);
    } catch (error) {
      if (isOfAll(error)) throw error;
      failing.set(step.step, refusalOf(step, error));
    }
  }
  const rest = steps.filter(({ step }) => !failing.has(step));
  const others = failing.size === 0 ? await checkGuards(pool, registry, rest) : await writeAndRollBack(pool, registry, rest, waits);
  return steps.flatMap(({ step }) => failing.get(step) ?? others.filter((result) => result.step === step));
}

async function undoRehearsed(
  client: ClientBase,
  registry: Registry,
  steps: readonly RehearsedStep[],
  waits: boolean,
): Promise<InverseResult[]> {
  const { rows } = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
  const run = `rehearsal/${rows[0]?.xid}`;
  const named = steps.map((step) => ({ ...step, attempt: { source: 'recant://recant/rehearsal', action: run, attempt: step.step } }));
  const results = new Map<number, InverseResult>();
  await undoSteps(client, registry, { run, token: '0' }, named, results, { waits, lone: new Set(), budgetMs: Number.POSITIVE_INFINITY });
  return steps.flatMap(({ step }) => withoutEffects(results.get(step)));
}

const withoutEffects = (result: InverseResult | undefined): InverseResult[] => (result === undefined ? [] : [{ ...result, effects: [] }]);

async function checkGuards(pool: Pool, registry: Registry, steps: readonly RehearsedStep[]): Promise<InverseResult[]> {
  const overlay = new Map<string, Versions | undefined>();
  const undone = new Set<string>();
  const results: InverseResult[] = [];
  for (const chunk of chunksOf(steps))
    results.push(...(await inTransaction(pool, (client) => checkChunk(client, registry, chunk, overlay, undone), OPTIONS)));
  return results;
}

async function checkChunk(
  client: ClientBase,
  registry: Registry,
  steps: readonly RehearsedStep[],
  overlay: Map<string, Versions | undefined>,
  undone: Set<string>,
): Promise<InverseResult[]> {
  await withPatience(client, 'SELECT recant.absorb()');
  const results = new Map<number, InverseResult>();
  const goals = await readGoals(client, registry, steps, results);
  const tables = byTable([...goals.values()].flatMap((goal) => [...goal.rows.values()]));
  const agentCode = await readAgentCode(client, [...tables.keys()]);
  const hiding = new Set<number>();
  for (const captured of tables.keys()) if (await isHiding(client, captured)) hiding.add(captured.relation);
  const later = await readLaterWrites(client, registry, [...goals.values()]);
  const holes = await readHoles(
    client,
    [...tables.keys()].map(({ relation }) => relation),
  );
  for (const attempt of undone) later.takenBack.add(attempt);
  const found = await readRows(
    client,
    [...goals.values()].flatMap((goal) => [...goal.rows.values()]),
  );
  // Earlier chunks know only the parts that their own steps write.
  for (const [resource, versions] of found) {
    const known = overlay.get(resource);
    if (known !== undefined) overlay.set(resource, new Map([...versions, ...known]));
  }
  for (const [{ step }, goal] of goals) {
    const live = rowsUnder(goal.rows.values(), found, overlay);
    const guarded = guardStep({ later, hiding, holes }, goal, live);
    const { active, accepted } = guarded;
    const rows = [...active.values()].map((row) => row.goal);
    const uncaptured = await uncapturedValues(client, registry, goal, later, accepted);
    const findings = [...guarded.findings, ...uncaptured, ...agentCodeFindings(rows, agentCode)];
    if (findings.length > 0) {
      results.set(step, resultOf(step, 'conflicted', { findings: await withValues(client, registry, goal, findings) }));
      continue;
    }
    for (const { goal: row } of active.values()) overlay.set(row.resource, restoredVersions(row, row.parts.keys(), live.get(row.resource)));
    const [row] = goal.rows.values();
    if (row !== undefined) {
      later.takenBack.add(row.first.attempt);
      undone.add(row.first.attempt);
    }
    results.set(step, resultOf(step, active.size > 0 ? 'restored' : 'already_undone', { findings: accepted, residue: goal.residue }));
  }
  return steps.flatMap(({ step }) => results.get(step) ?? []);
}
