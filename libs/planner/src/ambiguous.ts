import { resourceMatches } from '@recant/events';
import type { AmbiguousChanges } from './plan.ts';
import type { RecordedEffect } from './ports.ts';
import { plainRef } from './ref.ts';
import type { Selection } from './selection/selection.ts';
import type { Undoing } from './undone.ts';
import type { Member, View } from './view.ts';

/** Resources named for one attempt. */
const RESOURCES_NAMED_MAX = 20;

/** Whether a step may undo this effect: an ambiguous change only where a person selected its resource. */
export function isIncluded({ ambiguous, resource }: RecordedEffect, selection: Selection): boolean {
  return ambiguous !== true || (selection.ambiguous ?? []).some((pattern) => resourceMatches(pattern, resource));
}

/**
 * The view in which ambiguous changes that nobody selected belong to nobody: each selected attempt keeps its other effects, and a member of its own,
 * which is not selected, has the ambiguous ones. What an inverse in effect took back stays together.
 */
export function withoutAmbiguous(view: View, undoing: Undoing, selection: Selection): View & { readonly apart: readonly Member[] } {
  if (!view.members.some(({ selected, effects }) => selected && !effects.every((effect) => isIncluded(effect, selection))))
    return { ...view, apart: [] };
  const apart: Member[] = [];
  const members = view.members.flatMap((member) => {
    const strange = member.selected ? member.effects.filter((effect) => !isIncluded(effect, selection)) : [];
    if (strange.length === 0 || undoing.standingInversesOf(member).length > 0) return [member];
    const other: Member = { ...member, key: `${member.key} ambiguous`, effects: strange, selected: false };
    apart.push(other);
    return [{ ...member, effects: member.effects.filter((effect) => isIncluded(effect, selection)) }, other];
  });
  const byKey = new Map(members.filter((member) => !apart.includes(member)).map((member) => [member.key, member]));
  return { members, byKey, apart };
}

/** The ambiguous changes of one attempt that stay, counted, with the first resources. */
export function ambiguousChanges({ attempt, effects }: Member): AmbiguousChanges {
  const resources = [...new Set(effects.map(({ resource }) => resource))].sort();
  const { ref, agent, tool } = attempt;
  return { ref: plainRef(ref), agent, tool, changes: effects.length, resources: resources.slice(0, RESOURCES_NAMED_MAX) };
}
