import { resourceMatches } from '@recant/events';
import { PlannerError } from './error.ts';
import type { PlanMode } from './plan.ts';
import type { RecordedAttempt, RecordedEffect, Vector } from './ports.ts';
import { compareOrdinals, compareReceived, compareText, refKey } from './ref.ts';
import type { Selection } from './selection.ts';

/** Everything a plan is made of: the same input gives the same bytes. */
export interface PlanInput {
  readonly tenant: string;
  readonly mode: PlanMode;
  readonly selection: Selection;
  readonly vector: Vector;
  readonly selected: readonly RecordedAttempt[];
  /** At least every attempt with an effect below. */
  readonly attempts: readonly RecordedAttempt[];
  /** Those of the selected attempts, and those of anybody on the same resources. */
  readonly effects: readonly RecordedEffect[];
  /** Registered systems: connector by name. */
  readonly systems: ReadonlyMap<string, string>;
}

/** One attempt with its effects, ascending by ordinal. */
export interface Member {
  readonly key: string;
  readonly attempt: RecordedAttempt;
  readonly effects: readonly RecordedEffect[];
  readonly selected: boolean;
}

export interface View {
  /** All attempts, in the ledger's order. */
  readonly members: readonly Member[];
  readonly byKey: ReadonlyMap<string, Member>;
}

/** @throws PlannerError `ledger_inconsistent` */
export function viewOf(input: PlanInput): View {
  const attempts = new Map<string, RecordedAttempt>();
  for (const attempt of [...input.attempts, ...input.selected]) attempts.set(refKey(attempt.ref), attempt);
  const selected = new Set(input.selected.map((attempt) => refKey(attempt.ref)));
  const effects = new Map<string, RecordedEffect[]>();
  for (const effect of input.effects) {
    const key = refKey(effect.attempt);
    const own = effects.get(key);
    if (own) own.push(effect);
    else if (attempts.has(key)) effects.set(key, [effect]);
    else
      throw new PlannerError(
        'ledger_inconsistent',
        `The ledger answers with effects of an attempt it does not know: ${key.replaceAll('\u0000', ' ')}.`,
      );
  }
  const members = [...attempts.entries()]
    .map(
      ([key, attempt]): Member => ({ key, attempt, effects: (effects.get(key) ?? []).sort(compareEffects), selected: selected.has(key) }),
    )
    .sort((a, b) => compareReceived(a.attempt, b.attempt));
  return { members, byKey: new Map(members.map((member) => [member.key, member])) };
}

export function writes(effect: RecordedEffect): boolean {
  for (const _ in effect.parts) return true;
  return false;
}

/**
 * I13: what an agent's own process claims counts only on resources that its key was registered for. An effect that is not believed neither gets a
 * step nor stands in anybody's way, else any key could block any rollback; what really is at the target is guarded there.
 */
export function believed(member: Member, effect: RecordedEffect): boolean {
  const { grade, inverts, registered } = member.attempt;
  return grade === 'attested' || inverts !== undefined || registered.some((pattern) => resourceMatches(pattern, effect.resource));
}

export function compareEffects(a: RecordedEffect, b: RecordedEffect): number {
  return compareOrdinals(a.ordinal, b.ordinal) || compareText(a.resource, b.resource) || compareText(a.operation, b.operation);
}
