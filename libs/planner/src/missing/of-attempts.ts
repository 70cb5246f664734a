import type { Conflict, PlanBody } from '../plan.ts';
import type { RecordedAttempt } from '../ports.ts';
import { plainRef, refKey } from '../ref.ts';
import { type Missing, missing } from './missing.ts';

/** Selected attempts that have not ended and are left out: each is a conflict, too, until somebody accepts it. */
export function openAttempts(selected: readonly RecordedAttempt[], { left }: Pick<PlanBody, 'left'>): ReadonlyMap<string, Missing> {
  const waiting = new Set(left.filter(({ reason }) => reason === 'open').map(({ ref }) => refKey(ref)));
  const open = selected.filter(({ ref, status }) => status === 'open' && waiting.has(refKey(ref)));
  return new Map(
    open.map(({ ref, agent, tool, receivedAtMs }) => [
      refKey(ref),
      missing(
        'open_attempt',
        `${ref.action}/${ref.attempt}`,
        { ...plainRef(ref) },
        {
          detail: `${agent}'s ${tool} has not ended since ${new Date(receivedAtMs).toISOString()}: it may still have effects.`,
          action: 'Freeze the agent, wait until it has ended, and plan again.',
        },
      ),
    ]),
  );
}

/** Conflicts without those about attempts that a person accepted as open. @param accepted their keys */
export function withoutAccepted(conflicts: readonly Conflict[], accepted: ReadonlySet<string>): readonly Conflict[] {
  return accepted.size === 0 ? conflicts : conflicts.filter(({ kind, ref }) => kind !== 'open' || !accepted.has(refKey(ref)));
}
