import { checkSteps } from './check-step.ts';
import type { RunnerPorts } from './ports.ts';
import { type Refusal, rehearseSteps } from './rehearse.ts';
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
  if (session.body.mode !== 'refuse' || !isFresh) return false;
  const { steps } = session.body;
  const ends = new Map<number, StepEnd>();
  const { effects, refused } = await checkSteps(session, ports, steps);
  for (const [step, finding] of refused) ends.set(step, endWithout(step, 'failed', finding));
  const asked = steps.filter(({ step }) => effects.has(step));
  const refusals = await rehearseSteps(ports.targets, session.claim.tenant, asked, ({ step }) => effects.get(step) ?? []);
  for (const { step, outcome, isStuck, findings } of refusals)
    if (findings[0].code !== 'unreachable' && !isStuck) ends.set(step.step, { ...endWithout(step.step, outcome, findings[0]), findings });
  if (ends.size === 0) return postponed(session, refusals);
  await session.commit(steps.map(({ step }) => recordEnd(session, ends.get(step) ?? endWithout(step, 'skipped', REFUSED), 0)));
  return false;
}

/** Whether one of these systems is away and still waited for. */
function postponed(session: Session, refusals: readonly Refusal[]): boolean {
  const away = new Map(
    refusals.flatMap(({ isAway, findings: [first] }) => (isAway && first.system !== undefined ? [[first.system, first]] : [])),
  );
  return [...away].filter(([system, finding]) => session.waiting.postponeSystem(system, finding)).length > 0;
}
