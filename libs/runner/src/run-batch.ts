import type { InverseResult, InverseStep, TargetSystem } from '@recant/connector';
import { PARTIAL_UNDO, type PlanStep, plainRef, type RecordedEffect } from '@recant/planner';
import { ask, type Inverted, invert, isSilent, type Silent } from './ask.ts';
import { checkSteps } from './check-step.ts';
import { endOrHold } from './held.ts';
import { intend } from './intend.ts';
import type { RunnerConfig, RunnerPorts, StepRecord } from './ports.ts';
import { overwritesOf, plainEffect } from './rehearse.ts';
import type { Session } from './session.ts';
import { endAfter, endOf, endWithout, hasEnded, isBadEnd, recordEnd, type StepEnd } from './step-end.ts';
import { endedWell } from './step-machine.ts';

/**
 * Steps on one system: one commit of their intents, then part by part one call of the target and one commit of its results. A part's results are committed and sent to
 * the ledger while the target works on the next one. A crash leaves parts without a record: the next worker asks the target for them (S2).
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
  const startedMs = ports.clock.now();
  const ends: StepEnd[] = [];

  if (resumed) {
    const applied = await ask(ports, config, system, () =>
      opened.applied(
        session.claim.run,
        steps.map(({ step }) => step),
        session.claim.token.toString(),
      ),
    );
    if (isSilent(applied)) return setAside(session, steps, applied);
    ends.push(...applied.filter(hasEnded).map((result) => endOf(result, system)));
  }
  const known = new Set(ends.map(({ step }) => step));
  const open = steps.filter(({ step }) => !known.has(step));
  // The results of the batch before are on their way meanwhile.
  const [checked] = await Promise.all([checkSteps(session, ports, open), ports.emitter.flush(session.claim.tenant, session.source)]);
  for (const [step, finding] of checked.refused) ends.push(endWithout(step, 'failed', finding));
  const going = steps.filter(({ step }) => checked.effects.has(step));
  await startSteps(session, ports, going);
  await ports.emitter.flush(session.claim.tenant, session.source);
  const rest = steps.filter(({ step }) => !checked.effects.has(step));
  await record(session, ports, { system, steps: rest, ends, startedMs, stuck: [], putOff: [] });
  const bad = new Set(ends.filter(({ took }) => took === false).map(({ step }) => step));
  await invertParts(session, ports, config, { target: opened, steps: going, effects: checked.effects, bad });
}

interface Going {
  readonly target: TargetSystem;
  readonly steps: readonly PlanStep[];
  readonly effects: ReadonlyMap<number, readonly RecordedEffect[]>;
  /** Steps of the batch that have ended without being undone. Added to. */
  readonly bad: Set<number>;
}

async function invertParts(session: Session, ports: RunnerPorts, config: RunnerConfig, going: Going): Promise<void> {
  const { target, steps, effects, bad } = going;
  const open = new Set<number>();
  let recording = Promise.resolve();
  for (let rest = steps; rest.length > 0; ) {
    const part = firstPart(rest);
    rest = rest.slice(part.length);
    const startedMs = ports.clock.now();
    const numbers = part.map(({ step }) => step);
    ports.failpoint?.('inverse.before', numbers);
    const answer = await invert(ports, config, target, {
      run: session.claim.run,
      token: session.claim.token.toString(),
      steps: part.map((step) => inverseStep(session, step, effects.get(step.step) ?? [])),
      signal: ports.cancelled,
    });
    ports.failpoint?.('inverse.after', numbers);
    await recording;
    const sorted = sortAnswers(session, target.name, part, answer, { open, bad });
    // A system that does not answer is not asked about the others either.
    const also = answer.left ? rest : [];
    recording = record(session, ports, { system: target.name, steps: [...part, ...also], startedMs, ...sorted, left: answer.left });
    if (answer.left) break;
    if (rest.length > 0) recording = recording.then(() => ports.emitter.flush(session.claim.tenant, session.source));
    recording.catch(() => undefined);
  }
  await recording;
}

/** Steps and resources of a part: the target works on one while the results of another are recorded. A step is never split. */
const PART_STEPS = 500;
const PART_RESOURCES = 5_000;

function firstPart(steps: readonly PlanStep[]): readonly PlanStep[] {
  let resources = 0;
  const end = steps.findIndex(({ systems }, n) => {
    resources += systems.reduce((sum, { knownOrdinals }) => sum + Object.keys(knownOrdinals).length, 0);
    return n > 0 && (n >= PART_STEPS || resources > PART_RESOURCES);
  });
  return end < 0 ? steps : steps.slice(0, end);
}

interface Recording {
  readonly system: string;
  /** Steps that were sent, or have ended without. */
  readonly steps: readonly PlanStep[];
  readonly ends: readonly StepEnd[];
  readonly stuck: readonly InverseResult[];
  readonly putOff: readonly number[];
  /** Why other steps have no result. */
  readonly left?: Silent | undefined;
  readonly startedMs: number;
}

async function record(session: Session, ports: RunnerPorts, { system, steps, stuck, putOff, ...recording }: Recording): Promise<void> {
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
function sortAnswers(
  session: Session,
  system: string,
  steps: readonly PlanStep[],
  answer: Inverted,
  /** Steps of the parts before that are not undone: they may be later, or have ended. Added to. */
  { open, bad }: { readonly open: Set<number>; readonly bad: Set<number> },
) {
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
