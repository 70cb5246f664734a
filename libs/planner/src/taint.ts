import type { Taint } from './plan.ts';
import { compareOrdinals, compareReceived, compareText, plainRef } from './ref.ts';
import { lastWriteBefore, type Timeline, type Timelines } from './timeline.ts';
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

/**
 * Attempts that may have built on what the steps undo: those of `taintOf`, and those that changed one of the resources afterwards, any part of it. They stay, so
 * a person looks at them. Reads of other resources, and what nobody recorded, are missing.
 */
export function builtOn(members: readonly Member[], steps: ReadonlySet<Member>, timelines: Timelines): readonly Taint[] {
  const readers = taintOf(members, steps, timelines);
  const known = new Set(readers.map((taint) => keyOf(taint)));
  const later: { readonly member: Member; readonly taint: Taint }[] = [];
  for (const [resource, lines] of timelines) {
    for (const [member, parts] of laterWriters([...lines.values()], steps)) {
      const { ref, agent, tool } = member.attempt;
      const taint: Taint = { ref: plainRef(ref), agent, tool, resource, parts: [...parts].sort(), wrote: true };
      if (!known.has(keyOf(taint))) later.push({ member, taint });
    }
  }
  later.sort((a, b) => compareReceived(a.member.attempt, b.member.attempt) || compareText(a.taint.resource, b.taint.resource));
  return [...readers, ...later.map(({ taint }) => taint)];
}

const keyOf = ({ ref: { source, action, attempt }, resource }: Taint): string => `${source} ${action} ${attempt} ${resource}`;

/** By attempt that is no step: the parts of the resource that it wrote after the first write of a step to any part. */
function laterWriters(lines: readonly Timeline[], steps: ReadonlySet<Member>): ReadonlyMap<Member, ReadonlySet<string>> {
  let first: string | undefined;
  for (const { marks } of lines) {
    const own = marks.find(({ kind, member }) => kind === 'write' && steps.has(member));
    if (own !== undefined && (first === undefined || compareOrdinals(own.ordinal, first) < 0)) first = own.ordinal;
  }
  const found = new Map<Member, Set<string>>();
  if (first === undefined) return found;
  for (const { part, marks } of lines)
    for (const { kind, member, ordinal } of marks) {
      if (kind !== 'write' || steps.has(member) || member.attempt.inverts !== undefined || compareOrdinals(ordinal, first) <= 0) continue;
      found.set(member, (found.get(member) ?? new Set()).add(part));
    }
  return found;
}
