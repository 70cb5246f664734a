import { checkSteps } from './check-step.ts';
import type { RunnerPorts } from './ports.ts';
import { rehearseSteps } from './rehearse.ts';
import type { Session } from './session.ts';
import { endWithout, recordEnd, type StepEnd } from './step-end.ts';

const REFUSED = { code: 'refused', detail: 'Mode refuse: another step cannot be undone, so nothing was.' } as const;

/**
 * Mode `refuse`, before the first write of a run: all steps are tested on their systems, and where one cannot be undone, all end without a write. Systems that
 * do not answer, or lack rights or space, are no refusal: their steps become stuck later.
 */
export async function refuseWhole(session: Session, ports: RunnerPorts): Promise<void> {
  const isFresh = session.state === 'running' && session.steps.every(({ state }) => state === 'pending');
  if (session.body.mode !== 'refuse' || !isFresh) return;
  const { steps } = session.body;
  const ends = new Map<number, StepEnd>();
  const { effects, refused } = await checkSteps(session, ports, steps);
  for (const [step, finding] of refused) ends.set(step, endWithout(step, 'failed', finding));
  const asked = steps.filter(({ step }) => effects.has(step));
  for (const { step, outcome, isStuck, findings } of await rehearseSteps(
    ports.targets,
    session.claim.tenant,
    asked,
    ({ step }) => effects.get(step) ?? [],
  ))
    if (findings[0].code !== 'unreachable' && !isStuck) ends.set(step.step, { ...endWithout(step.step, outcome, findings[0]), findings });
  if (ends.size === 0) return;
  await session.commit(steps.map(({ step }) => recordEnd(session, ends.get(step) ?? endWithout(step, 'skipped', REFUSED), 0)));
}
