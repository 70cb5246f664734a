import { notRegistered } from './registered.ts';
import type { Undoing } from './undone.ts';
import { type Member, type View, writes } from './view.ts';

/**
 * I14: what an agent says about its attempt never prevents undoing what a target captured of it. Where a claim stands in the way (the tool was declared
 * irreversible, or a claimed effect has no inverse or is not registered), the selected attempt keeps its captured effects, `remains` says why, and a
 * member of its own, which is not selected, has the claimed ones.
 */
export function withoutClaims<V extends View>(view: V, undoing: Undoing, systems: ReadonlyMap<string, string>): V {
  const apart = new Set<Member>();
  const remaining = new Map<Member, string>();
  for (const member of view.members) {
    const remains = member.selected && undoing.standingInversesOf(member).length === 0 ? remainsOf(member, systems) : undefined;
    if (remains !== undefined) remaining.set(member, remains);
  }
  if (remaining.size === 0) return view;
  const members = view.members.flatMap((member) => {
    const remains = remaining.get(member);
    if (remains === undefined) return [member];
    const claimed = member.effects.filter(({ captured }) => captured !== true);
    const other: Member = { ...member, key: `${member.key} claimed`, effects: claimed, selected: false };
    if (claimed.length > 0) apart.add(other);
    return [{ ...member, effects: member.effects.filter(({ captured }) => captured), remains }, ...(claimed.length > 0 ? [other] : [])];
  });
  return { ...view, members, byKey: new Map(members.filter((member) => !apart.has(member)).map((member) => [member.key, member])) };
}

/** Undefined: no claim stands in the way, or nothing was captured that could be undone by itself. */
function remainsOf({ attempt, effects }: Member, systems: ReadonlyMap<string, string>): string | undefined {
  if (!attempt.witnessed || !effects.some((effect) => effect.captured && writes(effect))) return undefined;
  if (attempt.reversibility === 'irreversible') return 'The tool was declared irreversible: what it did beside its captured systems stays.';
  const claimed = effects.filter((effect) => !effect.captured && writes(effect));
  const hindered = claimed.find((effect) => effect.compensation === undefined || notRegistered(attempt, effect, systems) !== undefined);
  if (hindered === undefined) return undefined;
  const why = notRegistered(attempt, hindered, systems) ?? 'No inverse was recorded for it.';
  const count = claimed.length === 1 ? '1 effect that the agent reported stays' : `${claimed.length} effects that the agent reported stay`;
  return `${count}, ${hindered.resource} for one: ${why}`;
}
