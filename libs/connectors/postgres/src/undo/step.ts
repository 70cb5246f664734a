import {
  ConnectorError,
  type Finding,
  type InverseOutcome,
  type InverseResult,
  type InverseStep,
  type RehearsedStep,
} from '@recant/connector';
import type { ClientBase } from 'pg';
import type { Hole } from '../install/holes.ts';
import { CONNECTOR } from '../resource.ts';
import { type AgentCode, agentCodeFindings } from './agent-code.ts';
import { capturedById } from './captured.ts';
import { confirmedParts, recordConfirmed } from './confirm.ts';
import { readRowsExpecting } from './expected-rows.ts';
import { guard, type RowGoal, readBack, type StepGoal, sideEffects } from './goal.ts';
import { holeFindings } from './hole-findings.ts';
import { type LaterWrites, laterFindings, laterWriteOf, movedFinding, readLaterWrites, writerOf } from './later-writes.ts';
import type { Versions } from './live.ts';
import { overwritableIn, uncapturedValues } from './overwrites.ts';
import { reachFindings, writesOutside } from './reach.ts';
import type { Registry } from './registry.ts';
import { isSqlError, underOwnPath, withPatience, wordsOf } from './session.ts';
import { type Active, derivedStatements, inverseStatement, reversal } from './statement.ts';
import { withValues } from './values.ts';

export interface StepContext {
  readonly client: ClientBase;
  readonly registry: Registry;
  readonly run: string;
  readonly token: string;
  readonly later: LaterWrites;
  /** Relations whose rows a policy may hide. */
  readonly hiding: ReadonlySet<number>;
  /** Read in this transaction. */
  readonly agentCode: AgentCode;
  /** Of the tables of all steps. */
  readonly holes: readonly Hole[];
  /** Cancels the statement under way. */
  readonly signal?: AbortSignal | undefined;
}

/** Findings that roll the step back. */
class StepRefused extends Error {
  readonly findings: readonly Finding[];
  constructor(findings: readonly Finding[]) {
    super('step refused');
    this.findings = findings;
  }
}

/**
 * One step under a savepoint: whole, guarded, marked, captured as planned and read back, or not at all. Locks are held already. A row that is not there cannot be locked:
 * if somebody's commit brings it while the write waits for its key, the step is decided once more.
 */
export async function undoStep(context: StepContext, step: InverseStep, goal: StepGoal): Promise<InverseResult> {
  let done = await tryStep(context, step, goal);
  if (isOvertaken(done, goal, context.later)) done = await tryStep(await withNewWrites(context, goal), step, goal);
  return 'error' in done ? refusalOf(step, done.error) : done;
}

/** Somebody's commit brought a row that was not there, and so could not be locked: the write collided with it, or its guard saw it without knowing who it was. */
function isOvertaken(done: InverseResult | { readonly error: unknown }, goal: StepGoal, later: LaterWrites): boolean {
  if ('error' in done) return isSqlError(done.error) && done.error.code === UNIQUE_VIOLATION;
  return done.findings.some(({ code, resource, part, expected }) => {
    const row = code === 'drift' && expected === null ? goal.rows.get(resource) : undefined;
    return row !== undefined && laterWriteOf(row, part, later) === undefined;
  });
}

/** What others wrote since the rows were locked, to rows that were not there: the step's findings name them. */
async function withNewWrites(context: StepContext, goal: StepGoal): Promise<StepContext> {
  const { client, registry, later } = context;
  await withPatience(client, 'SELECT recant.absorb()');
  const { byPlace } = await readLaterWrites(client, registry, [goal]);
  return { ...context, later: { byPlace, takenBack: later.takenBack, left: new Map() } };
}

const UNIQUE_VIOLATION = '23505';
const EXCLUSION_VIOLATION = '23P01';

async function tryStep(context: StepContext, step: InverseStep, goal: StepGoal): Promise<InverseResult | { readonly error: unknown }> {
  const { client } = context;
  await client.query('SAVEPOINT recant_step');
  try {
    const result = await attempt(context, step, goal);
    await client.query('RELEASE SAVEPOINT recant_step');
    return result;
  } catch (error) {
    if (error instanceof StepRefused) {
      await client.query('ROLLBACK TO SAVEPOINT recant_step; RELEASE SAVEPOINT recant_step');
      return resultOf(step.step, 'conflicted', { findings: error.findings });
    }
    if (isOfTransaction(error)) throw error;
    // Fails where the connection is gone: then nothing is known about the step.
    await client.query('ROLLBACK TO SAVEPOINT recant_step; RELEASE SAVEPOINT recant_step');
    return { error };
  }
}

async function attempt(context: StepContext, step: InverseStep, goal: StepGoal): Promise<InverseResult> {
  const { client, registry } = context;
  const found = await readRowsExpecting(client, registry, [goal], 'left');
  const guarded = guardStep(context, goal, found);
  const { active } = guarded;
  const refused = [...guarded.findings, ...(await uncapturedValues(client, registry, goal, context.later, guarded.accepted))];
  if (refused.length > 0) throw new StepRefused(await withValues(client, registry, goal, refused));
  const accepted = await withValues(client, registry, goal, guarded.accepted);
  const confirmed = confirmedParts(registry, goal, found, context.later);
  if (active.size === 0)
    return leave(context, step, {
      goal,
      confirmed,
      result: resultOf(step.step, 'already_undone', { findings: accepted, residue: goal.residue }),
    });
  const goals = [...active.values()].map((row) => row.goal);
  const code = [...agentCodeFindings(goals, context.agentCode), ...ruleFindings(goals)];
  if (code.length > 0) throw new StepRefused(code);
  const reachBefore = await writesOutside(client);
  const attemptId = await nameInverse(context, step);
  await underOwnPath(client, async () => {
    await writeInverse(client, registry, active);
    for (const { text, values } of derivedStatements(registry, active)) await client.query(text, [...values]);
    await client.query('SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED');
  });
  const reached = await reachFindings(client, reachBefore, addressOf(step));
  if (reached.length > 0) throw new StepRefused(reached);
  await withPatience(client, 'SELECT recant.absorb()');
  const written = await capturedById(client, registry.system, attemptId);
  const rows = [...goal.rows.values()];
  const live = await readRowsExpecting(client, registry, [goal], 'back');
  const findings = [...sideEffects(registry, goal, written), ...rows.flatMap((row) => readBack(row, live.get(row.resource)))];
  if (findings.length > 0) throw new StepRefused(findings);
  const result = resultOf(step.step, 'restored', { findings: accepted, residue: goal.residue });
  await recordConfirmed(client, attemptId, confirmed);
  await mark(context, step, goal, attemptId, result);
  const recorded = confirmed.length === 0 ? written : await capturedById(client, registry.system, attemptId);
  return { ...result, effects: recorded.map(({ effect }) => effect) };
}

/** Nothing goes back. */
async function leave(
  context: StepContext,
  step: InverseStep,
  { goal, confirmed, result }: { goal: StepGoal; confirmed: ReturnType<typeof confirmedParts>; result: InverseResult },
): Promise<InverseResult> {
  const { client, registry } = context;
  const inverse = confirmed.length === 0 ? null : await nameInverse(context, step);
  if (inverse !== null) await recordConfirmed(client, inverse, confirmed);
  await mark(context, step, goal, inverse, result);
  if (inverse === null) return result;
  return { ...result, effects: (await capturedById(client, registry.system, inverse)).map(({ effect }) => effect) };
}

/** PostgreSQL refuses the statements of an inverse (`WITH`) on a table with a rule. One finding for each table. */
export function ruleFindings(goals: readonly RowGoal[]): Finding[] {
  const ruled = new Map(goals.filter(({ captured }) => captured.table.ruled).map((goal) => [goal.captured.relation, goal]));
  return [...ruled.values()].map(({ resource, parts, captured: { table } }) => {
    const detail = `Table ${table.schema}.${table.name} has a rule (CREATE RULE), past which nothing can be undone.`;
    return { resource, part: [...parts.keys()][0] ?? 'exists', code: 'constraint', detail };
  });
}

/** Id of no attempt. */
const NO_ATTEMPT = '0';

/** From the commit on, the attempt counts as undone in the target, unless rows of it stay: then its changes go on counting as later writes. */
async function mark(
  { client, run, token, later }: StepContext,
  { leaves }: InverseStep,
  goal: StepGoal,
  inverse: string | null,
  result: InverseResult,
): Promise<void> {
  const [row] = goal.rows.values();
  if (row === undefined) return;
  if (leaves === undefined) later.takenBack.add(row.first.attempt);
  await client.query('SELECT recant.mark_applied($1, $2, $3, $4, $5, $6)', [
    run,
    result.step,
    token,
    inverse,
    leaves === undefined ? row.first.attempt : NO_ATTEMPT,
    JSON.stringify(result),
  ]);
}

/** All at once; where unique values or exclusions are in each other's way, effect by effect. */
async function writeInverse(client: ClientBase, registry: Registry, active: ReadonlyMap<string, Active>): Promise<void> {
  const all = inverseStatement(registry, active);
  await client.query('SAVEPOINT recant_write');
  try {
    await client.query(all.text, [...all.values]);
  } catch (error) {
    if (!isSqlError(error) || (error.code !== UNIQUE_VIOLATION && error.code !== EXCLUSION_VIOLATION)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT recant_write');
    for (const one of reversal(registry, active)) await client.query(one.text, [...one.values]);
  }
  await client.query('RELEASE SAVEPOINT recant_write');
}

/**
 * The parts that go back. Findings: parts that are neither at after nor at before, or that somebody wrote later, or may have. Accepted: holes, and parts that are
 * overwritten, if they have what `uncapturedValues` does not name.
 */
export function guardStep(
  context: Pick<StepContext, 'later' | 'hiding' | 'holes'>,
  goal: StepGoal,
  live: ReadonlyMap<string, Versions>,
): { readonly active: ReadonlyMap<string, Active>; readonly findings: readonly Finding[]; readonly accepted: readonly Finding[] } {
  const { refused, accepted } = holeFindings(goal, context.holes);
  const findings: Finding[] = [...refused];
  const overwritten: Finding[] = [];
  const active = new Map<string, Active>();
  for (const row of goal.rows.values()) {
    const versions = live.get(row.resource);
    if (versions === undefined && context.hiding.has(row.captured.relation)) {
      findings.push({ resource: row.resource, part: 'exists', code: 'unreadable', detail: 'Row-level security may hide this row.' });
      continue;
    }
    const overwritable = overwritableIn(goal, row, versions, context.later);
    const writer = (part: string) => {
      const write = laterWriteOf(row, part, context.later);
      return write && writerOf(write);
    };
    const guarded = guard(row, versions, writer, overwritable);
    const moved = versions === undefined ? movedFinding(row, context.later) : undefined;
    findings.push(...guarded.findings, ...(moved ? [moved] : []));
    for (const finding of moved ? [] : laterFindings(row, guarded.active, context.later)) {
      const meant = overwritable(finding.part, versions?.get(finding.part) ?? null);
      if (meant === undefined) findings.push(finding);
      else overwritten.push(meant);
    }
    if (guarded.active.size > 0) active.set(row.resource, { goal: row, parts: guarded.active });
  }
  return { active, findings, accepted: [...accepted, ...overwritten] };
}

/** From here on this transaction's changes are captured as this step's inverse. */
async function nameInverse({ client, run }: StepContext, step: InverseStep): Promise<string> {
  const { source, action, attempt: n } = step.attempt;
  const { rows } = await client.query<{ id: string | null }>('SELECT recant.name_inverse($1, $2, $3, $4, $5)::text AS id', [
    source,
    action,
    n,
    run,
    step.step,
  ]);
  const id = rows[0]?.id;
  if (id) return id;
  throw new StepRefused([
    {
      ...addressOf(step),
      code: 'not_registered',
      detail: "The id of the inverse's own attempt is already used in the target by another login.",
    },
  ]);
}

export function resultOf(
  step: number,
  outcome: InverseOutcome,
  { findings = [], residue = [] }: { findings?: readonly Finding[]; residue?: readonly string[] } = {},
): InverseResult {
  return { step, outcome, findings, effects: [], residue };
}

export const addressOf = (step: RehearsedStep) => {
  const effect = step.effects[0];
  return { resource: effect?.resource ?? `${CONNECTOR}:`, part: Object.keys(effect?.parts ?? {})[0] ?? 'exists' };
};

/** Steps whose rows another session holds: they wrote nothing and are tried again later. */
export const lockedResult = (step: RehearsedStep, resource: string | undefined, detail: string): InverseResult =>
  resultOf(step.step, 'stuck', {
    findings: [{ ...addressOf(step), ...(resource === undefined ? {} : { resource }), code: 'locked', detail }],
  });

/**
 * What the target says to an inverse that it does not take: class 23 (constraints) and P0001 (a user's trigger raised) conflict, 42501 (no
 * privilege) is unreadable. What may pass waits: locks and collisions as `locked`, time-outs and cancelled statements as `timeout`, a full disk as `permission`,
 * other resources and errors of the server (53, 58, XX) as `target_error`. Anything else failed.
 */
export function refusalOf(step: RehearsedStep, error: unknown): InverseResult {
  const address = addressOf(step);
  if (!isSqlError(error)) {
    const detail = error instanceof Error ? error.message : String(error);
    return resultOf(step.step, 'failed', { findings: [{ ...address, code: 'target_error', detail }] });
  }
  const detail = wordsOf(error);
  if (error.code === '42501') return resultOf(step.step, 'failed', { findings: [{ ...address, code: 'unreadable', detail }] });
  const passing = PASSING.find(([pattern]) => pattern.test(error.code));
  if (passing !== undefined) return resultOf(step.step, 'stuck', { findings: [{ ...address, code: passing[1], detail }] });
  const outcome = error.code.startsWith('23') || error.code === 'P0001' ? 'conflicted' : 'failed';
  return resultOf(step.step, outcome, { findings: [{ ...address, code: 'constraint', detail }] });
}

const PASSING = [
  [/^(55P03|40)/, 'locked'],
  [/^57014/, 'timeout'],
  [/^53100/, 'permission'],
  [/^(08|53|57|58|XX)/, 'target_error'],
] as const;

/** Errors that the whole transaction meets, not one step: it is tried again, or the connection is gone. */
export const isOfTransaction = (error: unknown): boolean =>
  error instanceof ConnectorError || (isSqlError(error) && /^(40|57P|25006)/.test(error.code));
