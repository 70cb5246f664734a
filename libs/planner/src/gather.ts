import type { PlanMode } from '@recant/events';
import { PlannerError } from './error.ts';
import { PLAN_ATTEMPTS_MAX, PLAN_EFFECTS_MAX } from './limits.ts';
import type { LedgerReader, RecordedAttempt, Vector } from './ports.ts';
import { refKey } from './ref.ts';
import type { Selection } from './selection.ts';
import type { PlanInput } from './view.ts';

/**
 * Reads what a plan needs, all under one vector.
 * @throws PlannerError `plan_too_large`
 */
export async function gather(
  ledger: LedgerReader,
  question: {
    readonly tenant: string;
    readonly mode: PlanMode;
    readonly selection: Selection;
    readonly vector: Vector;
    readonly systems: ReadonlyMap<string, string>;
  },
): Promise<PlanInput> {
  const { tenant, selection, vector } = question;
  const selected = await ledger.select(tenant, selection, vector);
  if (selected.length > PLAN_ATTEMPTS_MAX)
    throw new PlannerError('plan_too_large', `${selected.length} attempts are selected; a plan takes ${PLAN_ATTEMPTS_MAX}.`);
  const own = await ledger.effectsOf(
    tenant,
    selected.map((attempt) => attempt.ref),
    vector,
  );
  const resources = [...new Set(own.map((effect) => effect.resource))].sort();
  const keys = new Set(selected.map((attempt) => refKey(attempt.ref)));
  // What the selected attempts did is read by attempt, not by resource: a projection that hides an effect from its resource cannot thin out a step.
  const others = (await ledger.effectsOn(tenant, resources, vector)).filter((effect) => !keys.has(refKey(effect.attempt)));
  const effects = [...own, ...others];
  if (effects.length > PLAN_EFFECTS_MAX)
    throw new PlannerError('plan_too_large', `${effects.length} effects are in view; a plan takes ${PLAN_EFFECTS_MAX}.`);
  const refs = new Map(others.map((effect) => [refKey(effect.attempt), effect.attempt]));
  const attempts = await ledger.attempts(tenant, [...refs.values()], vector);
  const inverses = await inversesOf(ledger, tenant, [...selected, ...attempts], vector);
  return { ...question, selected, attempts: [...attempts, ...inverses], effects };
}

/** The inverses of these and of one another that are not among them. */
async function inversesOf(
  ledger: LedgerReader,
  tenant: string,
  known: readonly RecordedAttempt[],
  vector: Vector,
): Promise<readonly RecordedAttempt[]> {
  const keys = new Set(known.map(({ ref }) => refKey(ref)));
  const found: RecordedAttempt[] = [];
  let asked = known;
  while (asked.length > 0) {
    const inverses = await ledger.inversesOf(
      tenant,
      asked.map(({ ref }) => ref),
      vector,
    );
    asked = inverses.filter(({ ref }) => !keys.has(refKey(ref)));
    for (const { ref } of asked) keys.add(refKey(ref));
    found.push(...asked);
  }
  return found;
}
