import { notRegistered, type PlanStep, type RecordedEffect, refKey, stepSystems, undoneBy, withoutDerived } from '@recant/planner';
import type { RunnerPorts, StepFinding } from './ports.ts';
import type { Session } from './session.ts';

export interface Checked {
  /** Effects of each step that matches the plan, ascending by ordinal. */
  readonly effects: ReadonlyMap<number, readonly RecordedEffect[]>;
  readonly refused: ReadonlyMap<number, StepFinding>;
}

/**
 * Reads the effects of steps again from the ledger's entries, compares them with the plan, and checks the registration of the attempt's key again (I13):
 * an edited plan or projection cannot redirect a step.
 */
export async function checkSteps(session: Session, ports: RunnerPorts, steps: readonly PlanStep[]): Promise<Checked> {
  const refs = steps.map((step) => step.undoes);
  const { tenant } = session.claim;
  const record = await ports.ledger.recordOf(tenant, refs, session.vector);
  const attempts = new Map(record.attempts.map((attempt) => [refKey(attempt.ref), attempt]));
  const recorded = withoutDerived(record.effects, session.header.derived ?? []);
  const byAttempt = Map.groupBy(recorded, (effect) => refKey(effect.attempt));
  const effects = new Map<number, readonly RecordedEffect[]>();
  const refused = new Map<number, StepFinding>();
  for (const step of steps) {
    const key = refKey(step.undoes);
    const own = (byAttempt.get(key) ?? []).filter(undoneBy(step, session.header.selection));
    const attempt = attempts.get(key);
    const systems = new Map(step.systems.map(({ system, connector }) => [system, connector]));
    const written = own.filter((effect) => Object.keys(effect.parts).length > 0);
    const foreign = attempt && written.map((effect) => notRegistered(attempt, effect, systems)).find((refusal) => refusal !== undefined);
    if (attempt === undefined || !(attempt.complete || attempt.witnessed) || !isAsPlanned(step, own))
      refused.set(step.step, {
        code: 'plan_mismatch',
        detail: 'The ledger’s entries for this attempt differ from the plan. Make a new plan.',
      });
    else if (foreign !== undefined) refused.set(step.step, { code: 'not_registered', detail: foreign });
    else effects.set(step.step, written);
  }
  return { effects, refused };
}

function isAsPlanned(step: PlanStep, effects: readonly RecordedEffect[]): boolean {
  const known = new Map(step.systems.flatMap((system) => Object.entries(system.knownOrdinals)));
  const found = stepSystems(effects, (resource) => known.get(resource) ?? '');
  return isSame(found, step.systems);
}

/** Whether two JSON values are equal. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b || typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  for (const key of keys)
    if (!Object.hasOwn(b, key) || !isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key])) return false;
  return true;
}
