import type { Conflict, LeftAttempt } from './plan.ts';
import { notRegistered } from './registered.ts';
import type { Undoing } from './undone.ts';
import { type Member, writes } from './view.ts';

/** Why a selected attempt gets no step, whatever others did. `conflict`: it stops a plan in mode `refuse`. */
export interface Unfit {
  readonly reason: LeftAttempt['reason'];
  readonly conflict?: Conflict['kind'];
  readonly detail: string;
  readonly resource?: string;
}

/** Undefined: this attempt can be undone as far as it alone is concerned. */
export function unfitness(
  member: Member,
  undoing: Undoing,
  isSelected: (other: Member) => boolean,
  cancelled: ReadonlySet<string>,
  systems: ReadonlyMap<string, string>,
): Unfit | undefined {
  if (cancelled.has(member.key)) return { reason: 'cancelled_out', detail: 'It is selected together with its inverse; the two cancel.' };
  const inverse = undoing.standingInversesOf(member).find((other) => !isSelected(other));
  if (inverse)
    return { reason: 'already_undone', detail: `Undone by run ${inverse.attempt.inverts?.run}, step ${inverse.attempt.inverts?.step}.` };
  return unsettled(member) ?? unwritable(member, systems);
}

/** Attempts and inverses of theirs that are both in the selection, and stand. */
export function cancelledPairs(members: readonly Member[], undoing: Undoing, isSelected: (other: Member) => boolean): ReadonlySet<string> {
  const cancelled = new Set<string>();
  for (const member of members) {
    if (!isSelected(member)) continue;
    for (const inverse of undoing.standingInversesOf(member)) if (isSelected(inverse)) cancelled.add(member.key).add(inverse.key);
  }
  return cancelled;
}

/** What may still have effects, or has some that nobody can name, is for a person. */
function unsettled(member: Member): Unfit | undefined {
  const { status, complete } = member.attempt;
  if (status === 'open') return { reason: 'open', conflict: 'open', detail: 'It has not settled: it may still have effects.' };
  if (status === 'unknown')
    return { reason: 'open', conflict: 'open', detail: 'Its deadline passed without a settlement: nobody knows its effects.' };
  if (status === 'contested') return { reason: 'contested', conflict: 'contested', detail: 'Two different ends are recorded for it.' };
  if (!complete)
    return {
      reason: 'incomplete',
      conflict: 'incomplete',
      detail: 'Not all chunks of its effects are recorded, or they differ from what its settlement counts.',
    };
  return undefined;
}

function unwritable(member: Member, systems: ReadonlyMap<string, string>): Unfit | undefined {
  const own = member.effects.filter(writes);
  const irreversible = (detail: string, resource?: string): Unfit => ({
    reason: 'irreversible',
    conflict: 'irreversible',
    detail,
    ...(resource === undefined ? {} : { resource }),
  });
  const declared = member.attempt.reversibility === 'irreversible' && member.attempt.status !== 'denied';
  if (own.length === 0)
    return declared
      ? irreversible('Its tool was declared irreversible.')
      : { reason: 'no_effect', detail: 'It changed nothing that was recorded.' };
  for (const effect of own) {
    const refusal = notRegistered(member.attempt, effect, systems);
    if (refusal) return { reason: 'not_registered', conflict: 'not_registered', detail: refusal, resource: effect.resource };
  }
  if (declared) return irreversible('Its tool was declared irreversible.');
  const without = own.find((effect) => effect.compensation === undefined);
  return without && irreversible('No inverse was recorded for this effect.', without.resource);
}
