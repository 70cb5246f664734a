import type { InverseResult, TargetSystem } from '@recant/connector';
import { compareOrdinals, type PlanStep, type RecordedEffect, type StepSystem } from '@recant/planner';
import { ask, invert, isSilent, type Silent } from './ask.ts';
import { checkSteps } from './check-step.ts';
import { intend } from './intend.ts';
import type { RunnerConfig, RunnerPorts } from './ports.ts';
import { readBack } from './read-back.ts';
import { inverseStep, stick } from './run-batch.ts';
import type { Session } from './session.ts';
import { endOf, endWithout, recordEnd, type StepEnd, settle } from './step-end.ts';
import { endedWell, type StepOutcome } from './step-machine.ts';

/**
 * One step on several systems. There is no transaction around them, so:
 * A1 all guards are probed on all systems before the first write;
 * A2 where a system refuses after another was written, that one is put back by the inverse of the inverse, an attempt of its own;
 * A3 every system is asked what it has (`applied`) before anything is sent, so any worker goes on from any point.
 */
export async function runAcross(session: Session, ports: RunnerPorts, config: RunnerConfig, step: PlanStep): Promise<void> {
  const startedMs = ports.clock.now();
  const targets = await openAll(session, ports, config, step);
  if (isSilent(targets)) return stick(session, [step], targets);
  const record = session.step(step.step);
  const done = record.inverse ? await applied(session, ports, config, targets, step.step) : new Map<string, InverseResult>();
  if (isSilent(done)) return stick(session, [step], done);
  const end = async (ended: StepEnd): Promise<void> => {
    ports.failpoint?.('record.before', [step.step]);
    await session.commit([recordEnd(session, ended, ports.clock.now() - startedMs)]);
    ports.failpoint?.('record.after', [step.step]);
  };
  if (record.takeBack)
    return takeBack(session, ports, config, {
      step,
      targets,
      done,
      why: endWithout(step.step, outcomeBefore(record.findings), record.findings[0] ?? REFUSED),
    });

  const checked = await checkSteps(session, ports, [step]);
  const refusal = checked.refused.get(step.step);
  if (refusal && done.size === 0) return end(endWithout(step.step, 'failed', refusal));
  if (refusal) return takeBack(session, ports, config, { step, targets, done, why: endWithout(step.step, 'failed', refusal) });
  if (done.size === 0) {
    const conflict = await probeAll(ports, config, targets, step);
    if (conflict && isSilent(conflict)) return stick(session, [step], conflict);
    if (conflict) return end(conflict);
  }
  if (record.inverse === undefined) {
    ports.failpoint?.('claim.before', [step.step]);
    const resources = step.systems.flatMap(({ knownOrdinals }) => Object.keys(knownOrdinals));
    await session.commit([
      {
        step: step.step,
        event: 'start',
        inverse: intend(session, ports, { step: step.step, undoes: step.undoes, tool: 'undo', resources }),
      },
    ]);
    ports.failpoint?.('claim.after', [step.step]);
  }
  await ports.emitter.flush(session.claim.tenant, session.source);

  for (const { target, system } of targets) {
    if (done.has(system.system)) continue;
    ports.failpoint?.('inverse.before', [step.step]);
    const inverse = inverseStep(session, { ...step, systems: [system] }, effectsOn(checked.effects.get(step.step) ?? [], system));
    const answer = await invert(ports, config, target, { run: session.claim.run, token: session.claim.token.toString(), steps: [inverse] });
    ports.failpoint?.('inverse.after', [step.step]);
    const [result] = answer.results;
    if (!result)
      return stick(
        session,
        [step],
        answer.left ?? { silent: { code: 'unreachable', system: system.system, detail: 'The connector gave no result.' } },
      );
    if (result.outcome === 'undecided') return end(combine(step.step, [...done, [system.system, result]]));
    if (!endedWell(result.outcome)) {
      const why = endOf(result, system.system);
      return [...done.values()].some(({ effects }) => effects.length > 0)
        ? takeBack(session, ports, config, { step, targets, done, why })
        : end(why);
    }
    done.set(system.system, result);
  }
  ports.failpoint?.('readback.before', [step.step]);
  let ended = combine(step.step, [...done]);
  for (const { target, system } of targets) {
    const read = await ask(ports, config, target.name, () =>
      readBack(target, [{ ...ended, outcome: done.get(system.system)?.outcome ?? ended.outcome }], () => system.guards),
    );
    if (isSilent(read)) return stick(session, [step], read);
    const [after] = read as [StepEnd];
    if (after.findings.length > ended.findings.length) ended = after;
  }
  ports.failpoint?.('readback.after', [step.step]);
  await end(ended);
}

interface Opened {
  readonly target: TargetSystem;
  readonly system: StepSystem;
}
const REFUSED = { code: 'taken_back', detail: 'A system refused the inverse.' } as const;

async function openAll(session: Session, ports: RunnerPorts, config: RunnerConfig, step: PlanStep): Promise<readonly Opened[] | Silent> {
  const opened: Opened[] = [];
  for (const system of step.systems) {
    const target = await ask(ports, config, system.system, () => ports.targets.open(session.claim.tenant, system.system, system.connector));
    if (target === undefined)
      return { silent: { code: 'system_unknown', system: system.system, detail: `System ${system.system} is not registered any more.` } };
    if (isSilent(target)) return target;
    opened.push({ target, system });
  }
  return opened;
}

async function applied(
  session: Session,
  ports: RunnerPorts,
  config: RunnerConfig,
  targets: readonly Opened[],
  step: number,
): Promise<Map<string, InverseResult> | Silent> {
  const done = new Map<string, InverseResult>();
  for (const { target, system } of targets) {
    const answer = await ask(ports, config, system.system, () => target.applied(session.claim.run, [step]));
    if (isSilent(answer)) return answer;
    const result = answer.find((candidate) => candidate.step === step);
    if (result) done.set(system.system, result);
  }
  return done;
}

/** A1. What is at *before* already is left by the inverse; what is at neither is a conflict. */
async function probeAll(
  ports: RunnerPorts,
  config: RunnerConfig,
  targets: readonly Opened[],
  step: PlanStep,
): Promise<StepEnd | Silent | undefined> {
  for (const { target, system } of targets) {
    const probed = await ask(ports, config, target.name, () =>
      target.probe(system.guards.map(({ resource, part }) => ({ resource, part }))),
    );
    if (isSilent(probed)) return probed;
    const found = new Map(probed.map((answer) => [`${answer.part} ${answer.resource}`, answer]));
    for (const { resource, part, before, after } of system.guards) {
      const answer = found.get(`${part} ${resource}`);
      const where = { system: system.system, resource, part };
      if (answer?.kind !== 'version')
        return endWithout(step.step, 'conflicted', {
          ...where,
          code: 'unreadable',
          detail: answer?.reason ?? 'The system gave no answer about this part.',
        });
      if (answer.version !== after && answer.version !== before) {
        return endWithout(step.step, 'conflicted', {
          ...where,
          code: 'drift',
          detail: 'It is neither as the attempt left it nor as it was before.',
          expected: after,
          found: answer.version,
        });
      }
    }
  }
  return undefined;
}

/** A2. The inverse keeps its own record: effects, then the end that made it fail; what puts it back is recorded as its inverse. */
async function takeBack(
  session: Session,
  ports: RunnerPorts,
  config: RunnerConfig,
  { step, targets, done, why }: { step: PlanStep; targets: readonly Opened[]; done: ReadonlyMap<string, InverseResult>; why: StepEnd },
): Promise<void> {
  const record = session.step(step.step);
  const inverse = record.inverse;
  const written = targets.filter(({ system }) => (done.get(system.system)?.effects.length ?? 0) > 0).reverse();
  if (inverse === undefined) throw new Error(`S2: step ${step.step} has no intent`);
  if (record.takeBack === undefined) {
    settle(
      session,
      inverse,
      [...done.values()].flatMap(({ effects }) => effects),
      why,
      0,
    );
    const attempt = intend(session, ports, {
      step: step.step,
      undoes: inverse,
      tool: 'take_back',
      resources: written.flatMap(({ system }) => Object.keys(system.knownOrdinals)),
    });
    await session.commit([{ step: step.step, event: 'take_back', takeBack: attempt, findings: why.findings }]);
  }
  await ports.emitter.flush(session.claim.tenant, session.source);
  const attempt = session.step(step.step).takeBack;
  if (attempt === undefined) throw new Error(`S2: step ${step.step} has no intent to take back`);

  const number = session.body.steps.length + step.step;
  const results: [string, InverseResult][] = [];
  for (const { target, system } of written) {
    const effects = done.get(system.system)?.effects ?? [];
    const known = new Map<string, string>();
    for (const { resource, ordinal } of effects)
      if (compareOrdinals(known.get(resource) ?? '0', ordinal) <= 0) known.set(resource, ordinal);
    const answer = await invert(ports, config, target, {
      run: session.claim.run,
      token: session.claim.token.toString(),
      steps: [{ step: number, attempt, undoes: inverse, effects, knownOrdinals: Object.fromEntries(known) }],
    });
    const [result] = answer.results;
    if (!result)
      return stick(
        session,
        [step],
        answer.left ?? { silent: { code: 'unreachable', system: system.system, detail: 'The connector gave no result.' } },
      );
    results.push([system.system, result]);
  }
  const failed = results.filter(([, { outcome }]) => !endedWell(outcome));
  const all = combine(step.step, results);
  settle(session, attempt, all.effects, failed.length > 0 ? all : undefined, 0);
  const findings = [
    ...why.findings,
    {
      code: 'taken_back',
      detail: `Undone on ${results.map(([system]) => system).join(', ')} first, and put back there, because the attempt is undone whole or not at all.`,
    } as const,
    ...(failed.length > 0 ? all.findings : []),
  ];
  const residue = failed.map(
    ([system]) => `${system} stays undone for this attempt while its other systems are not: putting it back was refused.`,
  );
  await session.commit([{ step: step.step, event: 'end', outcome: failed.length > 0 ? 'failed' : why.outcome, findings, residue }]);
}

function combine(step: number, results: readonly (readonly [string, InverseResult])[]): StepEnd {
  const ends = results.map(([system, result]) => endOf(result, system));
  const bad = ends.find(({ outcome }) => !endedWell(outcome));
  const outcomes = ends.map(({ outcome }) => outcome);
  const good: StepOutcome = outcomes.includes('compensated')
    ? 'compensated'
    : outcomes.includes('restored')
      ? 'restored'
      : 'already_undone';
  return {
    step,
    outcome: bad?.outcome ?? good,
    findings: ends.flatMap(({ findings }) => findings),
    residue: ends.flatMap(({ residue }) => residue),
    effects: ends.flatMap(({ effects }) => effects),
    took: ends.some(({ took }) => took === undefined) ? undefined : bad === undefined,
  };
}

function effectsOn(effects: readonly RecordedEffect[], system: StepSystem): readonly RecordedEffect[] {
  return effects.filter(({ resource }) => resource.startsWith(`${system.connector}://${system.system}/`));
}

/** After a take-back was begun by another worker: what it was begun for. */
function outcomeBefore(findings: readonly { readonly code: string }[]): StepOutcome {
  return findings.some(({ code }) => code === 'plan_mismatch' || code === 'not_registered')
    ? 'failed'
    : findings.some(({ code }) => code === 'left_by_person')
      ? 'skipped'
      : 'conflicted';
}

/** A person leaves this step: nothing new is sent but what puts back a half-done inverse. */
export async function runSkipping(session: Session, ports: RunnerPorts, config: RunnerConfig, step: PlanStep): Promise<void> {
  const left = { code: 'left_by_person', detail: 'A person left this step.' } as const;
  const record = session.step(step.step);
  const end = (ended: StepEnd): Promise<void> => session.commit([recordEnd(session, ended, 0)]);
  if (record.inverse === undefined) return end(endWithout(step.step, 'skipped', left));
  const targets = await openAll(session, ports, config, step);
  const done = isSilent(targets) ? targets : await applied(session, ports, config, targets, step.step);
  if (isSilent(targets) || isSilent(done))
    return end({ ...endWithout(step.step, 'undecided', left), took: undefined, findings: [left, ...record.findings] });
  if (done.size === 0) return end(endWithout(step.step, 'skipped', left));
  if (done.size === targets.length && !record.takeBack) return end(combine(step.step, [...done]));
  return takeBack(session, ports, config, { step, targets, done, why: endWithout(step.step, 'skipped', left) });
}
