import type { Unfit } from './classify.ts';
import type { Needs, Obstacle } from './needs.ts';
import type { Conflict } from './plan.ts';
import { compareText, plainRef } from './ref.ts';
import type { Member } from './view.ts';

export function conflictOfUnfit(member: Member, unfit: Unfit): Conflict | undefined {
  if (unfit.conflict === undefined) return undefined;
  return {
    kind: unfit.conflict,
    ...named(member),
    ...(unfit.resource === undefined ? {} : { resource: unfit.resource }),
    detail: unfit.detail,
  };
}

/** One conflict for each other writer and kind, with the first part it is about: a million rows are still one answer. */
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
          detail: `${nameOf(stays)} wrote the same later and is itself left as it is.`,
        },
      ]
    : [];
}

function direct(member: Member, { kind, resource, part, by }: Obstacle, parts: number): Conflict {
  const more = parts > 1 ? ` (and ${parts - 1} more part${parts > 2 ? 's' : ''})` : '';
  if (by)
    return { kind, ...named(member), resource, part, by: named(by), detail: `${nameOf(by)} wrote ${part} of ${resource} later${more}.` };
  return {
    kind,
    ...named(member),
    resource,
    part,
    detail: `Somebody whom nobody recorded changed ${part} of ${resource} after it${more}.`,
  };
}

function named(member: Member): Pick<Conflict, 'ref' | 'agent' | 'tool'> {
  return { ref: plainRef(member.attempt.ref), agent: member.attempt.agent, tool: member.attempt.tool };
}

function nameOf(member: Member): string {
  const { agent, tool, ref } = member.attempt;
  return `${agent} (${tool}, action ${ref.action}, attempt ${ref.attempt})`;
}
