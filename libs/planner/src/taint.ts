import type { Taint } from './plan.ts';
import { compareReceived, compareText, plainRef } from './ref.ts';
import { lastWriteBefore, type Timelines } from './timeline.ts';
import { counts, type Member } from './view.ts';

/** Other attempts that read a value which a step undoes. A lower bound, because recorded reads are one. Never a conflict. */
export function taintOf(members: readonly Member[], steps: ReadonlySet<Member>, timelines: Timelines): readonly Taint[] {
  const tainted: Taint[] = [];
  for (const member of [...members].sort((a, b) => compareReceived(a.attempt, b.attempt))) {
    if (steps.has(member) || member.attempt.inverts !== undefined) continue;
    const byResource = new Map<string, Set<string>>();
    for (const effect of member.effects) {
      if (effect.reads === undefined || !counts(member, effect)) continue;
      for (const part of Object.keys(effect.reads)) {
        const line = timelines.get(effect.resource)?.get(part);
        if (!line) continue;
        const writer = line.marks[lastWriteBefore(line, effect.ordinal)]?.member;
        if (!writer || !steps.has(writer)) continue;
        byResource.set(effect.resource, (byResource.get(effect.resource) ?? new Set()).add(part));
      }
    }
    const { ref, agent, tool } = member.attempt;
    for (const [resource, parts] of [...byResource].sort(([a], [b]) => compareText(a, b)))
      tainted.push({ ref: plainRef(ref), agent, tool, resource, parts: [...parts].sort() });
  }
  return tainted;
}
