import { parseResource } from '@recant/events';
import type { Needs } from './conflicts/decide-by-timeline.ts';
import { compareOrdinals, compareReceived } from './ref.ts';
import { type Member, writes } from './view.ts';

/**
 * The order of steps. Hard: the needs of a step come before it. Soft: within a system the latest ordinal first, which also removes a child row before
 * the row that it refers to; where systems disagree, the attempt that the ledger received last.
 */
export function orderSteps(members: ReadonlySet<Member>, needs: ReadonlyMap<Member, Needs>): readonly Member[] {
  const latest = byLatest(members);
  if (![...members].some((member) => hasFirst(member, members, needs))) return latest;
  const rank = new Map(latest.map((member, at) => [member, at]));
  const waiting = new Map<Member, number>();
  const freedBy = new Map<Member, Member[]>();
  const ready = new Heap<Member>((a, b) => (rank.get(a) as number) - (rank.get(b) as number));
  for (const member of members) {
    const first = [...(needs.get(member) as Needs).first].filter((other) => members.has(other));
    waiting.set(member, first.length);
    if (first.length === 0) ready.push(member);
    for (const other of first) {
      const list = freedBy.get(other);
      if (list) list.push(member);
      else freedBy.set(other, [member]);
    }
  }
  const ordered: Member[] = [];
  for (let member = ready.pop(); member !== undefined; member = ready.pop()) {
    ordered.push(member);
    for (const next of freedBy.get(member) ?? []) {
      const left = (waiting.get(next) as number) - 1;
      waiting.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  return ordered;
}

function hasFirst(member: Member, members: ReadonlySet<Member>, needs: ReadonlyMap<Member, Needs>): boolean {
  for (const other of (needs.get(member) as Needs).first) if (members.has(other)) return true;
  return false;
}

/** Latest first: merges the orders of the systems. */
function byLatest(members: ReadonlySet<Member>): readonly Member[] {
  const lines = linesBySystem(members);
  const [only, ...others] = lines;
  if (only && others.length === 0 && only.length === members.size) return only.map(({ member }) => member);
  const linesOf = new Map<Member, number>();
  for (const line of lines) for (const { member } of line) linesOf.set(member, (linesOf.get(member) ?? 0) + 1);
  const heads = lines.map(() => 0);
  const done = new Set<Member>();
  const merged: Member[] = [];
  while (merged.length < members.size) {
    const seen = new Map<Member, number>();
    lines.forEach((line, system) => {
      let at = heads[system] as number;
      while (at < line.length && done.has((line[at] as Placed).member)) at++;
      heads[system] = at;
      const head = line[at]?.member;
      if (head) seen.set(head, (seen.get(head) ?? 0) + 1);
    });
    const agreed = [...seen].filter(([member, count]) => count === linesOf.get(member)).map(([member]) => member);
    const latest = (agreed.length > 0 ? agreed : [...seen.keys()]).reduce((a, b) => (compareReceived(a.attempt, b.attempt) > 0 ? a : b));
    done.add(latest);
    merged.push(latest);
  }
  return merged;
}

interface Placed {
  readonly member: Member;
  readonly ordinal: string;
}

function linesBySystem(members: ReadonlySet<Member>): readonly (readonly Placed[])[] {
  const systems = new Map<string, Map<Member, string>>();
  for (const member of members) {
    for (const effect of member.effects) {
      if (!writes(effect)) continue;
      const system = parseResource(effect.resource)?.system ?? '';
      const line = systems.get(system) ?? new Map<Member, string>();
      systems.set(system, line);
      const known = line.get(member);
      if (known === undefined || compareOrdinals(known, effect.ordinal) < 0) line.set(member, effect.ordinal);
    }
  }
  return [...systems.values()].map((line) =>
    [...line]
      .map(([member, ordinal]) => ({ member, ordinal }))
      .sort((a, b) => compareOrdinals(b.ordinal, a.ordinal) || compareReceived(b.member.attempt, a.member.attempt)),
  );
}

/** A binary heap: smallest first. */
class Heap<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }
  push(item: T): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (this.#compare(items[up] as T, item) <= 0) break;
      items[at] = items[up] as T;
      at = up;
    }
    items[at] = item;
  }
  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return top;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && this.#compare(items[child + 1] as T, items[child] as T) < 0) child++;
      if (this.#compare(last, items[child] as T) <= 0) break;
      items[at] = items[child] as T;
      at = child;
    }
    items[at] = last;
    return top;
  }
}
