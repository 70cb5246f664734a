/** Words conflicts; decides nothing. The decisions are in `decide-by-attempt.ts`, `decide-by-timeline.ts` and `undoable.ts`. */
import type { Conflict } from '../plan.ts';
import { compareText, plainRef, refKey } from '../ref.ts';
import { PARTIAL_UNDO } from '../undone.ts';
import type { Member } from '../view.ts';
import type { Exclusion } from './decide-by-attempt.ts';
import type { Needs, Obstacle } from './decide-by-timeline.ts';

export function conflictsOfExclusion(member: Member, { conflict, resource, detail, answers = [] }: Exclusion): readonly Conflict[] {
  if (conflict === undefined) return answers;
  return [{ kind: conflict, ...named(member), ...(resource === undefined ? {} : { resource }), detail }];
}

/** One conflict per other writer and kind, naming the first part and the number of others, so that the size does not grow with the rows. */
export function conflictsOfNeeds(member: Member, needs: Needs, left: (other: Member) => boolean): readonly Conflict[] {
  const groups = new Map<string, { first: Obstacle; parts: number }>();
  for (const obstacle of needs.obstacles) {
    const key = `${obstacle.kind} ${obstacle.by?.key ?? ''}`;
    const group = groups.get(key);
    if (group) group.parts++;
    else groups.set(key, { first: obstacle, parts: 1 });
  }
  const found = [...groups].sort(([a], [b]) => compareText(a, b)).map(([, { first, parts }]) => direct(member, first, parts));
  if (found.length > 0) return found;
  const stays = [...needs.first].filter(left).sort((a, b) => compareText(a.key, b.key))[0];
  return stays
    ? [
        {
          kind: 'later_write',
          ...named(member),
          by: named(stays),
          detail: `${nameOf(stays)} wrote the same parts later and cannot be undone.`,
        },
      ]
    : [];
}

function direct(member: Member, { kind, resource, part, by }: Obstacle, parts: number): Conflict {
  const more = parts > 1 ? ` (and ${parts - 1} more part${parts > 2 ? 's' : ''})` : '';
  if (by && isPartOf(by, member)) {
    const values = parts === 1 ? '1 value that it put back is' : `${parts} values that it put back are`;
    return {
      kind,
      ...named(member),
      by: named(by),
      detail: `Run ${by.attempt.inverts?.run} undid this attempt in part: ${values} as before it.`,
    };
  }
  if (by)
    return { kind, ...named(member), resource, part, by: named(by), detail: `${nameOf(by)} wrote ${part} of ${resource} later${more}.` };
  return {
    kind,
    ...named(member),
    resource,
    part,
    detail: `${part} of ${resource} was changed outside Recant after this attempt${more}.`,
  };
}

/** The inverse of some rows of the attempt. */
const isPartOf = ({ attempt: { tool, inverts } }: Member, { attempt }: Member): boolean =>
  inverts !== undefined && tool === PARTIAL_UNDO && refKey(inverts) === refKey(attempt.ref);

function named(member: Member): Pick<Conflict, 'ref' | 'agent' | 'tool'> {
  return { ref: plainRef(member.attempt.ref), agent: member.attempt.agent, tool: member.attempt.tool };
}

function nameOf(member: Member): string {
  const { agent, tool, ref } = member.attempt;
  return `${agent} (${tool}, action ${ref.action}, attempt ${ref.attempt})`;
}
