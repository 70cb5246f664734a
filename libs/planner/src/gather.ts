import type { PlanMode } from '@recant/events';
import { dependentsOf } from './cascade.ts';
import { PlannerError } from './error.ts';
import { CASCADE_ROUNDS_MAX, PLAN_ATTEMPTS_MAX, PLAN_EFFECTS_MAX } from './limits.ts';
import { cascades, modesOf, type Override } from './overrides.ts';
import type { LedgerReader, RecordedAttempt, RecordedEffect, Vector } from './ports.ts';
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
  const { tenant, vector } = question;
  const chosen = await selectWhole(ledger, question);
  const { selected } = chosen;
  const { overrides = [] } = question;
  const modes = overrides.length === 0 ? {} : { modes: await modesOf(ledger, tenant, overrides, selected, vector) };
  let input = { ...(await around(ledger, question, chosen, [])), ...modes };
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
    input = { ...(await around(ledger, question, chosen, found)), ...modes };
  }
}

type Question = Parameters<typeof gather>[1];

/** Selected attempts with all of their effects. */
interface Chosen {
  readonly selected: readonly RecordedAttempt[];
  readonly own: readonly RecordedEffect[];
}

async function selectWhole(ledger: LedgerReader, { tenant, selection, vector }: Question): Promise<Chosen> {
  let own: readonly RecordedEffect[] | undefined;
  const selected = await selectAttempts(ledger, tenant, selection, vector, (effects) => {
    own = effects;
  });
  checkSize(selected.length, 'Too many attempts selected');
  return { selected, own: own ?? (await effectsOf(ledger, tenant, selected, vector)) };
}

/** The attempts with their effects, and everything else that happened to the same resources. */
async function around(
  ledger: LedgerReader,
  question: Question,
  { selected, own: ofSelected }: Chosen,
  dependents: readonly RecordedAttempt[],
): Promise<PlanInput> {
  const { tenant, vector } = question;
  const members = [...selected, ...dependents];
  checkSize(members.length, 'Too many attempts selected, with their dependents');
  const own = [...ofSelected, ...(await effectsOf(ledger, tenant, dependents, vector))];
  const resources = [...new Set(own.map((effect) => effect.resource))].sort();
  const keys = new Set(members.map((attempt) => refKey(attempt.ref)));
  // Effects of selected attempts are read by attempt, not by resource: an edited projection that hides an effect cannot remove it from a step.
  const others = (await ledger.effectsOn(tenant, resources, vector, own)).filter((effect) => !keys.has(refKey(effect.attempt)));
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

async function effectsOf(ledger: LedgerReader, tenant: string, attempts: readonly RecordedAttempt[], vector: Vector) {
  if (attempts.length === 0) return [];
  return ledger.effectsOf(
    tenant,
    attempts.map(({ ref }) => ref),
    vector,
  );
}

/** @throws PlannerError `plan_too_large` */
function checkSize(attempts: number, what: string): void {
  if (attempts > PLAN_ATTEMPTS_MAX)
    throw new PlannerError('plan_too_large', `${what}: expected at most ${PLAN_ATTEMPTS_MAX}, got ${attempts}. Narrow the selection.`);
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
