import type { PlanMode } from '@recant/events';
import { dependentsOf } from './cascade.ts';
import { PlannerError } from './error.ts';
import { CASCADE_ROUNDS_MAX, PLAN_ATTEMPTS_MAX, PLAN_EFFECTS_MAX } from './limits.ts';
import { cascades, modesOf, type Override } from './overrides.ts';
import type { LedgerReader, RecordedAttempt, Vector } from './ports.ts';
import { refKey } from './ref.ts';
import { selectAttempts } from './select-attempts.ts';
import type { Selection } from './selection/selection.ts';
import type { PlanInput } from './view.ts';

/**
 * Reads the input of a plan, all at one vector.
 * @throws PlannerError `plan_too_large | override_unmatched | override_ambiguous`
 */
export async function gather(
  ledger: LedgerReader,
  question: {
    readonly tenant: string;
    readonly mode: PlanMode;
    readonly selection: Selection;
    readonly vector: Vector;
    readonly systems: ReadonlyMap<string, string>;
    readonly partial?: true;
    readonly throughReads?: true;
    readonly overrides?: readonly Override[];
  },
): Promise<PlanInput> {
  const { tenant, selection, vector } = question;
  const selected = await selectAttempts(ledger, tenant, selection, vector);
  const { overrides = [] } = question;
  const modes = overrides.length === 0 ? {} : { modes: await modesOf(ledger, tenant, overrides, selected, vector) };
  let input = { ...(await around(ledger, question, selected, [])), ...modes };
  if (!cascades(question)) return input;
  for (let round = 0; ; round++) {
    const known = new Set((input.dependents ?? []).map(({ ref }) => refKey(ref)));
    const found = dependentsOf(input);
    if (found.every(({ ref }) => known.has(refKey(ref)))) return input;
    if (round === CASCADE_ROUNDS_MAX)
      throw new PlannerError(
        'plan_too_large',
        `Dependents of dependents go deeper than ${CASCADE_ROUNDS_MAX} levels of resources. Narrow the selection, or plan in mode skip.`,
      );
    input = { ...(await around(ledger, question, selected, found)), ...modes };
  }
}

type Question = Parameters<typeof gather>[1];

/** The attempts with their effects, and everything else that happened to the same resources. */
async function around(
  ledger: LedgerReader,
  question: Question,
  selected: readonly RecordedAttempt[],
  dependents: readonly RecordedAttempt[],
): Promise<PlanInput> {
  const { tenant, vector } = question;
  const members = [...selected, ...dependents];
  if (members.length > PLAN_ATTEMPTS_MAX)
    throw new PlannerError(
      'plan_too_large',
      `Too many attempts selected${dependents.length > 0 ? ', with their dependents' : ''}: expected at most ${PLAN_ATTEMPTS_MAX}, got ${members.length}. Narrow the selection.`,
    );
  const own = await ledger.effectsOf(
    tenant,
    members.map((attempt) => attempt.ref),
    vector,
  );
  const resources = [...new Set(own.map((effect) => effect.resource))].sort();
  const keys = new Set(members.map((attempt) => refKey(attempt.ref)));
  // Effects of selected attempts are read by attempt, not by resource: an edited projection that hides an effect cannot remove it from a step.
  const others = (await ledger.effectsOn(tenant, resources, vector)).filter((effect) => !keys.has(refKey(effect.attempt)));
  const effects = [...own, ...others];
  if (effects.length > PLAN_EFFECTS_MAX)
    throw new PlannerError(
      'plan_too_large',
      `Too many effects on the selected resources: expected at most ${PLAN_EFFECTS_MAX}, got ${effects.length}. Narrow the selection.`,
    );
  const refs = new Map(others.map((effect) => [refKey(effect.attempt), effect.attempt]));
  const attempts = await ledger.attempts(tenant, [...refs.values()], vector);
  const inverses = await inversesOf(ledger, tenant, [...members, ...attempts], vector);
  return { ...question, selected, attempts: [...attempts, ...inverses], effects, ...(dependents.length > 0 && { dependents }) };
}

/** Further inverses of these attempts, and inverses of those, to any depth. */
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
