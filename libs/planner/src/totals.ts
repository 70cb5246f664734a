import type { PlanTotals, Rows, ScopeTotals } from './plan.ts';
import { compareOrdinals, compareText, refKey } from './ref.ts';
import { EXISTS } from './timeline.ts';
import { putBackIn, type Undoing } from './undone.ts';
import { type Member, writes } from './view.ts';

const LISTED_MAX = 100;

interface Row {
  isCompensated: boolean;
  /** What goes back of it, and what stays. */
  readonly undone: Span;
  stays?: Span;
}

/** Whether a row existed before some effects, and after them. */
interface Span {
  first?: { readonly ordinal: string; readonly before: string | null };
  last?: { readonly ordinal: string; readonly after: string | null };
}

/** @param left selected attempts without a step of which something may stay */
export function totalsOf(members: readonly Member[], undone: ReadonlySet<Member>, left: ReadonlySet<Member>, undoing: Undoing): PlanTotals {
  const rows = new Map<string, Row>();
  const putBack = putBackIn(
    members.filter((member) => !undone.has(member)),
    undoing,
  );
  const tools = new Map<string, { agent: string; tool: string; undone: number; left: number }>();
  for (const member of members) {
    // What an attempt of a step leaves is a member of its own.
    const key = refKey(member.attempt.ref);
    const isApart = member.key !== key;
    const isUndone = undone.has(member);
    if (!isUndone && !isApart && !left.has(member)) continue;
    const back = isUndone ? undefined : putBack.get(key);
    for (const effect of member.effects)
      if (writes(effect) && !isBack(back, effect))
        note(rows, effect, { isStaying: !isUndone, isCompensated: member.attempt.reversibility === 'compensable' });
    if (isApart) continue;
    const { agent, tool } = member.attempt;
    const known = tools.get(`${agent}\u0000${tool}`) ?? { agent, tool, undone: 0, left: 0 };
    known[isUndone ? 'undone' : 'left']++;
    tools.set(`${agent}\u0000${tool}`, known);
  }
  const scopes = [...scopesOf(rows)].sort(
    (a, b) =>
      b.stays.deleted - a.stays.deleted ||
      sum(b.stays) - sum(a.stays) ||
      b.undone.deleted - a.undone.deleted ||
      sum(b.undone) - sum(a.undone) ||
      compareText(a.scope, b.scope),
  );
  const byTool = [...tools.values()].sort(
    (a, b) => b.left - a.left || b.undone - a.undone || compareText(a.agent, b.agent) || compareText(a.tool, b.tool),
  );
  return {
    undone: added(scopes.map((scope) => scope.undone)),
    stays: added(scopes.map((scope) => scope.stays)),
    compensated: [...rows.values()].filter(({ stays, isCompensated }) => stays === undefined && isCompensated).length,
    scopes: scopes.slice(0, LISTED_MAX),
    scopesMore: Math.max(0, scopes.length - LISTED_MAX),
    tools: byTool.slice(0, LISTED_MAX),
    toolsMore: Math.max(0, byTool.length - LISTED_MAX),
  };
}

/** Written rows of a plan. */
export const sum = ({ created, deleted, changed }: Rows): number => created + deleted + changed;

type Effect = Member['effects'][number];

/** @param back rows of the attempt that an earlier run put back */
function isBack(back: ReadonlyMap<string, string> | undefined, { resource, ordinal }: Effect): boolean {
  const written = back?.get(resource);
  return written !== undefined && compareOrdinals(ordinal, written) < 0;
}

function note(
  rows: Map<string, Row>,
  { resource, ordinal, parts }: Effect,
  { isStaying, isCompensated }: { readonly isStaying: boolean; readonly isCompensated: boolean },
): void {
  const row = rows.get(resource) ?? { isCompensated: false, undone: {} };
  rows.set(resource, row);
  row.isCompensated ||= isCompensated;
  if (isStaying) row.stays ??= {};
  const exists = Object.hasOwn(parts, EXISTS) ? parts[EXISTS] : undefined;
  if (exists === undefined) return;
  const span = isStaying && row.stays ? row.stays : row.undone;
  if (span.first === undefined || compareOrdinals(ordinal, span.first.ordinal) < 0) span.first = { ordinal, before: exists.before };
  if (span.last === undefined || compareOrdinals(ordinal, span.last.ordinal) >= 0) span.last = { ordinal, after: exists.after };
}

function scopesOf(rows: ReadonlyMap<string, Row>): Iterable<ScopeTotals> {
  type Counting = { -readonly [K in keyof Rows]: number };
  const scopes = new Map<string, { scope: string; undone: Counting; stays: Counting }>();
  for (const [resource, row] of rows) {
    const scope = resource.slice(0, resource.lastIndexOf('/') + 1);
    const totals = scopes.get(scope) ?? { scope, undone: { ...NONE }, stays: { ...NONE } };
    scopes.set(scope, totals);
    // What goes back of a row that stays does not matter: an undone delete leaves a row that was changed before.
    totals[row.stays ? 'stays' : 'undone'][kindOf(row.stays ?? row.undone)]++;
  }
  return scopes.values();
}

const NONE: Rows = { created: 0, deleted: 0, changed: 0 };

/** Created and deleted by the same attempts is a change of nothing. */
function kindOf({ first, last }: Span): keyof Rows {
  if (first === undefined || last === undefined || (first.before === null) === (last.after === null)) return 'changed';
  return first.before === null ? 'created' : 'deleted';
}

function added(all: readonly Rows[]): Rows {
  const total = { ...NONE } as { -readonly [K in keyof Rows]: number };
  for (const { created, deleted, changed } of all) {
    total.created += created;
    total.deleted += deleted;
    total.changed += changed;
  }
  return total;
}
