import type { InverseResult, InverseStep, TargetSystem } from '@recant/connector';
import { PARTIAL_UNDO, type PlanStep, plainRef, type RecordedEffect } from '@recant/planner';
import { ask, type Inverted, invert, isSilent, type Silent } from './ask.ts';
import { checkSteps } from './check-step.ts';
import { endOrHold, isHeld } from './held.ts';
import { intend } from './intend.ts';
import type { RunnerConfig, RunnerPorts, StepRecord } from './ports.ts';
import { overwritesOf, plainEffect } from './rehearse.ts';
import type { Session } from './session.ts';
import { endAfter, endOf, endWithout, hasEnded, isBadEnd, recordEnd, type StepEnd } from './step-end.ts';
import { endedWell } from './step-machine.ts';

/**
 * Steps on one system, part by part: one commit of intents, one call of the target, one commit of results. While the target works on a part, the results of the one before
 * are committed, and the intents of the next one are committed and acknowledged. A crash leaves at most two parts without a record: the next worker asks the target (S2).
 */
export async function runBatch(
  session: Session,
  ports: RunnerPorts,
  config: RunnerConfig,
  steps: readonly PlanStep[],
  resumed: boolean,
): Promise<void> {
  const [{ system, connector }] = (steps[0] as PlanStep).systems as [PlanStep['systems'][number]];
  const opened = await ask(ports, config, system, () => ports.targets.open(session.claim.tenant, system, connector));
  if (isSilent(opened)) return setAside(session, steps, opened);
  if (opened === undefined) return unknownSystem(session, steps, system, resumed);
  const batch: Batch = { session, ports, config, target: opened, system, resumed, open: new Set(), bad: new Set() };
  if (!resumed) return runParts(batch, steps);
  const startedMs = ports.clock.now();
  const numbers = steps.map(({ step }) => step);
  const applied = await ask(ports, config, system, () => opened.applied(session.claim.run, numbers, session.claim.token.toString()));
  if (isSilent(applied)) return setAside(session, steps, applied);
  const ends = applied.filter(hasEnded).map((result) => endOf(result, system));
  const known = new Set(ends.map(({ step }) => step));
  await record(batch, { steps: steps.filter(({ step }) => known.has(step)), ends, stuck: [], putOff: [], startedMs });
  const rest = steps.filter(({ step }) => !known.has(step));
  return runParts(batch, rest);
}

interface Batch {
  readonly session: Session;
  readonly ports: RunnerPorts;
  readonly config: RunnerConfig;
  readonly target: TargetSystem;
  readonly system: string;
  readonly resumed: boolean;
  /** Steps of earlier parts that are not undone, and may be later; added to. */
  readonly open: Set<number>;
  /** Steps of the batch that have ended without being undone; added to. */
  readonly bad: Set<number>;
}

/** Steps whose intents are acknowledged. */
interface Part {
  readonly steps: readonly PlanStep[];
  readonly effects: ReadonlyMap<number, readonly RecordedEffect[]>;
}

async function runParts(batch: Batch, steps: readonly PlanStep[]): Promise<void> {
  const { session, ports, config, target } = batch;
  const parts = partsOf(steps, config.partSteps);
  let part = await recordAndStart(batch, undefined, parts);
  let answered: Recording | undefined;
  while (part !== undefined) {
    const startedMs = ports.clock.now();
    const numbers = part.steps.map(({ step }) => step);
    const { effects } = part;
    ports.failpoint?.('inverse.before', numbers);
    const inverting = invert(ports, config, target, {
      run: session.claim.run,
      token: session.claim.token.toString(),
      steps: part.steps.map((step) => inverseStep(session, step, effects.get(step.step) ?? [])),
      signal: ports.cancelled,
    });
    const meanwhile = recordAndStart(batch, answered, parts);
    // It is awaited below, once the target has answered.
    meanwhile.catch(() => undefined);
    const answer = await inverting;
    ports.failpoint?.('inverse.after', numbers);
    const next = await meanwhile;
    answered = { steps: part.steps, startedMs, ...sortAnswers(batch, part.steps, answer), left: answer.left };
    // A system that does not answer is not asked about the others either.
    if (answer.left) return record(batch, { ...answered, steps: [...part.steps, ...(next?.steps ?? [])] });
    part = next;
  }
  if (answered !== undefined) await record(batch, answered);
}

/** @returns the next part; undefined: there is none, or a person or a refusal stopped the run */
async function recordAndStart(batch: Batch, answered: Recording | undefined, parts: (readonly PlanStep[])[]): Promise<Part | undefined> {
  if (answered !== undefined) await record(batch, answered);
  while (parts.length > 0 && mayStart(batch)) {
    const part = await startPart(batch, parts.shift() ?? []);
    if (part !== undefined) return part;
  }
  return undefined;
}

const mayStart = ({ session, ports, resumed }: Batch): boolean =>
  resumed || (session.state === 'running' && !isHeld(session) && ports.stopping?.() !== true);

/** @returns undefined: none of these steps may run */
async function startPart(batch: Batch, steps: readonly PlanStep[]): Promise<Part | undefined> {
  const { session, ports, bad } = batch;
  const startedMs = ports.clock.now();
  const { effects, refused } = await checkSteps(session, ports, steps);
  const going = steps.filter(({ step }) => effects.has(step));
  const ends = [...refused].map(([step, finding]) => endWithout(step, 'failed', finding));
  for (const { step } of ends) bad.add(step);
  await record(batch, { steps: steps.filter(({ step }) => refused.has(step)), ends, stuck: [], putOff: [], startedMs });
  if (going.length === 0) return undefined;
  await startSteps(session, ports, going);
  await ports.emitter.flush(session.claim.tenant, session.source);
  return { steps: going, effects };
}

/** Of a part. A step is never split. */
const PART_RESOURCES = 5_000;

function partsOf(steps: readonly PlanStep[], partSteps: number): (readonly PlanStep[])[] {
  const parts: PlanStep[][] = [];
  let resources = 0;
  for (const step of steps) {
    const own = step.systems.reduce((sum, { knownOrdinals }) => sum + Object.keys(knownOrdinals).length, 0);
    const part = parts.at(-1);
    resources += own;
    if (part !== undefined && part.length < partSteps && resources <= PART_RESOURCES) part.push(step);
    else {
      parts.push([step]);
      resources = own;
    }
  }
  return parts;
}

interface Recording {
  /** Steps that were sent, or have ended without. */
  readonly steps: readonly PlanStep[];
  readonly ends: readonly StepEnd[];
  readonly stuck: readonly InverseResult[];
  readonly putOff: readonly number[];
  /** Why other steps have no result. */
  readonly left?: Silent | undefined;
  readonly startedMs: number;
}

async function record({ session, ports, system }: Batch, { steps, stuck, putOff, ...recording }: Recording): Promise<void> {
  if (steps.length === 0) return;
  if (recording.left === undefined) session.waiting.answered(system);
  await stickResults(session, system, stuck);
  if (putOff.length > 0) await session.commit(putOff.map((step) => ({ step, event: 'put_off' })));
  const waiting = new Set([...stuck.map(({ step }) => step), ...putOff]);
  const { left, ...ended } = recording;
  await finish(session, ports, { ...ended, steps: steps.filter(({ step }) => !waiting.has(step)), ...(left && { left }) });
}

/** Commits the intents, which must be acknowledged before the inverse runs: an unrecorded inverse cannot be undone. Intents of a previous worker are kept. */
export async function startSteps(session: Session, ports: RunnerPorts, steps: readonly PlanStep[]): Promise<void> {
  const isFresh = ({ state, inverse }: StepRecord): boolean => state === 'pending' || inverse === undefined;
  const fresh = steps.filter(({ step }) => isFresh(session.step(step)));
  if (fresh.length === 0) return;
  const numbers = fresh.map(({ step }) => step);
  ports.failpoint?.('claim.before', numbers);
  await session.commit(
    fresh.map((step) => ({
      step: step.step,
      event: 'start',
      inverse:
        session.step(step.step).inverse ??
        intend(session, ports, {
          step: step.step,
          undoes: step.undoes,
          tool: step.stays === undefined ? 'undo' : PARTIAL_UNDO,
          resources: step.systems.flatMap(({ knownOrdinals }) => Object.keys(knownOrdinals)),
        }),
    })),
  );
  ports.failpoint?.('claim.after', numbers);
}

/**
 * What a refused step of a chain waits for, or was refused for, is the step before it: while that one is stuck, it is put off; where that one ended without being undone,
 * so does it.
 */
function sortAnswers({ session, system, open, bad }: Batch, steps: readonly PlanStep[], answer: Inverted) {
  const results = new Map(answer.results.map((result) => [result.step, result]));
  const stuck = new Map(answer.stuck.map((result) => [result.step, result]));
  const isHolding = session.header.mode === 'refuse';
  const ends: StepEnd[] = [];
  const putOff: number[] = [];
  for (const { step, after } of steps) {
    const result = results.get(step);
    const isUndone = result !== undefined && (result.outcome === 'undecided' || endedWell(result.outcome));
    const by = after.find((before) => bad.has(before) || isBadEnd(session.step(before)));
    const isAnswered = result !== undefined || stuck.has(step);
    if (!isUndone && isAnswered && after.some((before) => open.has(before))) putOff.push(step);
    else if (!isUndone && by !== undefined && result !== undefined) ends.push(endAfter(step, by));
    else if (result !== undefined) ends.push(endOf(result, system));
    if (!isUndone) (result === undefined || isHolding || putOff.at(-1) === step ? open : bad).add(step);
  }
  const isPutOff = new Set(putOff);
  return { ends, putOff, stuck: [...stuck.values()].filter(({ step }) => !isPutOff.has(step)) };
}

interface Finishing {
  readonly steps: readonly PlanStep[];
  readonly ends: readonly StepEnd[];
  readonly left?: Silent;
  readonly startedMs: number;
}

async function finish(session: Session, ports: RunnerPorts, { steps, ends, left, startedMs }: Finishing): Promise<void> {
  const numbers = ends.map(({ step }) => step);
  ports.failpoint?.('record.before', numbers);
  const durationMs = (ports.clock.now() - startedMs) / Math.max(1, ends.length);
  if (ends.length > 0) await session.commit(ends.map((end) => endOrHold(session, end, durationMs)));
  ports.failpoint?.('record.after', numbers);
  if (left)
    await setAside(
      session,
      steps.filter(({ step }) => !numbers.includes(step)),
      left,
    );
}

export function inverseStep(session: Session, step: PlanStep, effects: readonly RecordedEffect[]): InverseStep {
  const attempt = session.step(step.step).inverse;
  if (attempt === undefined) throw new Error(`S2: step ${step.step} has no intent`);
  return {
    step: step.step,
    attempt,
    undoes: plainRef(step.undoes),
    effects: effects.map(plainEffect),
    knownOrdinals: Object.assign({}, ...step.systems.map(({ knownOrdinals }) => knownOrdinals)),
    ...(step.stays && { leaves: step.stays }),
    ...overwritesOf(step),
  };
}

export function noResult(system: string): Silent {
  return { silent: { code: 'unreachable', system, detail: 'The connector returned no result for this step.' }, isAway: false };
}

/** The system did not answer. One that is away is asked again later; otherwise, or after too long, its steps wait for a person. */
export async function setAside(session: Session, steps: readonly PlanStep[], silent: Silent): Promise<void> {
  const { system } = silent.silent;
  const isPatient = silent.isAway && system !== undefined && session.state === 'running';
  if (isPatient && session.waiting.postponeSystem(system, silent.silent)) return session.commit([]);
  return stick(session, steps, silent);
}

/** Marks steps `stuck`: the system is not asked again by this worker; a person decides. */
export async function stick(session: Session, steps: readonly PlanStep[], { silent }: Silent): Promise<void> {
  if (silent.system !== undefined) session.unreachable.add(silent.system);
  const known = (step: number) => session.step(step).findings.filter(({ code }) => code !== 'unreachable');
  if (steps.length > 0) await session.commit(steps.map(({ step }) => ({ step, event: 'stick', findings: [...known(step), silent] })));
}

/**
 * Steps that their target cannot apply at the moment, each with its own reasons: those that wait for a lock are tried again, the others wait for a person. The
 * system is still asked about others.
 */
export async function stickResults(session: Session, system: string, results: readonly InverseResult[]): Promise<void> {
  if (results.length === 0) return;
  const isTriedAgain = ({ step, findings }: InverseResult): boolean =>
    session.state === 'running' && findings.every(({ code }) => code === 'locked') && session.waiting.postponeStep(step);
  await session.commit(
    results.map((result) => ({
      step: result.step,
      event: isTriedAgain(result) ? 'start' : 'stick',
      findings: result.findings.map((finding) => ({ ...finding, system })),
    })),
  );
}

async function unknownSystem(session: Session, steps: readonly PlanStep[], system: string, resumed: boolean): Promise<void> {
  const finding = { code: 'system_unknown', detail: `System ${system} is no longer registered.`, system } as const;
  if (resumed) return stick(session, steps, { silent: finding, isAway: false });
  await session.commit(steps.map(({ step }) => recordEnd(session, endWithout(step, 'failed', finding), 0)));
}
