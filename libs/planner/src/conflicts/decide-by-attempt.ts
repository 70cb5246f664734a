/** Decides whether a selected attempt can be undone, from its own record and its inverses alone. `word-conflicts.ts` turns the answer into a conflict. */
import type { Conflict, LeftAttempt } from '../plan.ts';
import { notRegistered } from '../registered.ts';
import type { Undoing } from '../undone.ts';
import { reachedBeyond, unknownEffects } from '../unknown-effects.ts';
import { type Member, writes } from '../view.ts';

/** Why a selected attempt gets no step, regardless of other attempts. With `conflict`, it stops a plan in mode `refuse`. */
export interface Exclusion {
  readonly reason: LeftAttempt['reason'];
  readonly conflict?: Conflict['kind'];
  readonly detail: string;
  readonly resource?: string;
  /** The target's own answers, in place of `conflict`. */
  readonly answers?: readonly Conflict[];
}

/** Undefined: nothing in the attempt's own record prevents undoing it. */
export function exclusionOf(
  member: Member,
  undoing: Undoing,
  isSelected: (other: Member) => boolean,
  cancelled: ReadonlySet<string>,
  systems: ReadonlyMap<string, string>,
): Exclusion | undefined {
  if (cancelled.has(member.key)) return { reason: 'cancelled_out', detail: 'Selected together with its inverse; the two cancel out.' };
  const inverse = undoing.standingInversesOf(member).find((other) => !isSelected(other));
  if (inverse)
    return {
      reason: 'already_undone',
      detail: `Already undone by run ${inverse.attempt.inverts?.run}, step ${inverse.attempt.inverts?.step}.`,
    };
  return unsettled(member) ?? notUndoable(member, systems);
}

/** The system that would be written refuses. Undefined: it does not, or was not asked. */
export function exclusionByTarget(answers: readonly Conflict[] | undefined): Exclusion | undefined {
  const [first] = answers ?? [];
  return first && answers && { reason: first.kind === 'irreversible' ? 'irreversible' : 'skipped', detail: first.detail, answers };
}

/** Attempts that are selected together with an inverse in effect, and those inverses. */
export function cancelledPairs(members: readonly Member[], undoing: Undoing, isSelected: (other: Member) => boolean): ReadonlySet<string> {
  const cancelled = new Set<string>();
  for (const member of members) {
    if (!isSelected(member)) continue;
    for (const inverse of undoing.standingInversesOf(member)) if (isSelected(inverse)) cancelled.add(member.key).add(inverse.key);
  }
  return cancelled;
}

/** Attempts whose effects are unknown or may still come need a person; what targets recorded of them settles the rest. */
function unsettled(member: Member): Exclusion | undefined {
  const { status, complete, witnessed, ruledBy, contradicted } = member.attempt;
  if (status === 'open') return { reason: 'open', conflict: 'open', detail: 'Not settled yet: the attempt may still have effects.' };
  if (witnessed) return undefined;
  if (contradicted !== undefined)
    return {
      reason: 'open',
      conflict: 'open',
      detail: `${ruledBy} settled it, and its agent reported ${contradicted} afterwards: the effects of the attempt are unknown. Settle it again.`,
    };
  if (status === 'unknown')
    return {
      reason: 'open',
      conflict: 'open',
      detail: 'It was given up, its answer was lost, or it was not settled before its deadline: the effects of the attempt are unknown.',
    };
  if (!complete)
    return {
      reason: 'incomplete',
      conflict: 'incomplete',
      detail: 'Incomplete record: the recorded effects do not match the count and digest in the settlement.',
    };
  return undefined;
}

function notUndoable(member: Member, systems: ReadonlyMap<string, string>): Exclusion | undefined {
  const own = member.effects.filter(writes);
  const irreversible = (detail: string, resource?: string): Exclusion => ({
    reason: 'irreversible',
    conflict: 'irreversible',
    detail,
    ...(resource === undefined ? {} : { resource }),
  });
  const declared = member.attempt.reversibility === 'irreversible' && member.attempt.status !== 'denied';
  if (own.length === 0) return withoutEffect(member, declared);
  for (const effect of own) {
    const refusal = notRegistered(member.attempt, effect, systems);
    if (refusal) return { reason: 'not_registered', conflict: 'not_registered', detail: refusal, resource: effect.resource };
  }
  if (declared && member.remains === undefined) return irreversible('The tool was declared irreversible.');
  const without = own.find((effect) => effect.compensation === undefined);
  return without && irreversible('No inverse was recorded for this effect.', without.resource);
}

/** Nothing is recorded that a step could write, so that no rollback can do harm: listed, but no conflict. A person's word counts beside the record. */
function withoutEffect(member: Member, declaredIrreversible: boolean): Exclusion {
  const { ruledBy, status, reversibility } = member.attempt;
  const ruled = ruledBy === undefined ? undefined : status;
  if (ruled === 'succeeded' && reversibility !== 'read')
    return {
      reason: 'irreversible',
      detail: `${ruledBy} settled it as succeeded, and no change with an inverse was recorded: its effect stays.`,
    };
  if (declaredIrreversible && ruled !== 'failed') return { reason: 'irreversible', detail: 'The tool was declared irreversible.' };
  const unknown = unknownEffects(member.attempt) ?? reachedBeyond(member.effects);
  return unknown === undefined
    ? {
        reason: 'no_effect',
        detail: ruled === 'failed' ? `${ruledBy} settled it as failed, and no change was recorded.` : 'No change was recorded.',
      }
    : { reason: 'effects_unknown', detail: unknown };
}
