import type { RecordedEffect } from '@recant/planner';
import { checkSteps } from './check-step.ts';
import { bounded } from './next-work.ts';
import type { RunnerPorts, StepFinding } from './ports.ts';
import { type AskedStep, type Refusal, rehearseSteps } from './rehearse.ts';
import type { Session } from './session.ts';
import { endWithout, recordEnd, type StepEnd } from './step-end.ts';

const REFUSED = { code: 'refused', detail: 'Mode refuse: another step cannot be undone, so nothing was.' } as const;

/**
 * Mode `refuse`, before the first write of a run: all steps are tested on their systems, and where one cannot be undone, all end without a write. Systems that
 * are away are tried again later, before any write; those that lack rights or space are no refusal: their steps become stuck later.
 * @returns whether the run has to wait for a system
 */
export async function refuseWhole(session: Session, ports: RunnerPorts): Promise<boolean> {
  const isFresh = session.state === 'running' && session.steps.every(({ state }) => state === 'pending');
  if (session.header.mode !== 'refuse' || !isFresh) return false;
  const ends = new Map<number, StepEnd>();
  const { asked, effects, refused } = await checkAll(session, ports);
  for (const [step, finding] of refused) ends.set(step, endWithout(step, 'failed', finding));
  const refusals = await rehearseSteps(ports.targets, session.claim.tenant, asked, ({ step }) => effects.get(step) ?? []);
  for (const { step, outcome, isStuck, findings } of refusals)
    if (findings[0].code !== 'unreachable' && !isStuck) ends.set(step.step, { ...endWithout(step.step, outcome, findings[0]), findings });
  if (ends.size === 0) return postponed(session, refusals);
  await session.commit(session.steps.map(({ step }) => recordEnd(session, ends.get(step) ?? endWithout(step, 'skipped', REFUSED), 0)));
  return false;
}

/** A batch at a time: of the steps, it keeps what their systems are asked about. */
async function checkAll(session: Session, ports: RunnerPorts) {
  const asked: AskedStep[] = [];
  const effects = new Map<number, readonly RecordedEffect[]>();
  const refused = new Map<number, StepFinding>();
  for (let rest = session.steps.map(({ step }) => session.planStep(step)); rest.length > 0; ) {
    const batch = bounded(rest, CHECKED_STEPS);
    rest = rest.slice(batch.length);
    const steps = await session.load(batch);
    const checked = await checkSteps(session, ports, steps);
    for (const [step, own] of checked.effects) effects.set(step, own);
    for (const [step, finding] of checked.refused) refused.set(step, finding);
    for (const step of steps)
      if (checked.effects.has(step.step)) asked.push({ ...step, systems: step.systems.map((system) => ({ ...system, guards: [] })) });
  }
  return { asked, effects, refused };
}

/** Steps of one batch. */
const CHECKED_STEPS = 500;

/** Whether one of these systems is away and still waited for. */
function postponed(session: Session, refusals: readonly Refusal[]): boolean {
  const away = new Map(
    refusals.flatMap(({ isAway, findings: [first] }) => (isAway && first.system !== undefined ? [[first.system, first]] : [])),
  );
  return [...away].filter(([system, finding]) => session.waiting.postponeSystem(system, finding)).length > 0;
}
