import type { PlanTotals, Rows, ScopeTotals } from './plan.ts';
import { compareOrdinals, compareText, refKey } from './ref.ts';
import { EXISTS } from './timeline.ts';
import { type Member, writes } from './view.ts';

const LISTED_MAX = 100;

interface Row {
  isStaying: boolean;
  isCompensated: boolean;
  first?: { readonly ordinal: string; readonly before: string | null };
  last?: { readonly ordinal: string; readonly after: string | null };
}

/** @param left selected attempts without a step of which something may stay */
export function totalsOf(members: readonly Member[], undone: ReadonlySet<Member>, left: ReadonlySet<Member>): PlanTotals {
  const rows = new Map<string, Row>();
  const tools = new Map<string, { agent: string; tool: string; undone: number; left: number }>();
  for (const member of members) {
    // What an attempt of a step leaves is a member of its own.
    const isApart = member.key !== refKey(member.attempt.ref);
    const isUndone = undone.has(member);
    if (!isUndone && !isApart && !left.has(member)) continue;
    for (const effect of member.effects)
      if (writes(effect)) note(rows, effect, { isStaying: !isUndone, isCompensated: member.attempt.reversibility === 'compensable' });
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
    compensated: [...rows.values()].filter(({ isStaying, isCompensated }) => !isStaying && isCompensated).length,
    scopes: scopes.slice(0, LISTED_MAX),
    scopesMore: Math.max(0, scopes.length - LISTED_MAX),
    tools: byTool.slice(0, LISTED_MAX),
    toolsMore: Math.max(0, byTool.length - LISTED_MAX),
  };
}

/** Written rows of a plan. */
export const sum = ({ created, deleted, changed }: Rows): number => created + deleted + changed;

function note(
  rows: Map<string, Row>,
  { resource, ordinal, parts }: Member['effects'][number],
  how: Pick<Row, 'isStaying' | 'isCompensated'>,
): void {
  const row = rows.get(resource) ?? { isStaying: false, isCompensated: false };
  rows.set(resource, row);
  row.isStaying ||= how.isStaying;
  row.isCompensated ||= how.isCompensated;
  const exists = Object.hasOwn(parts, EXISTS) ? parts[EXISTS] : undefined;
  if (exists === undefined) return;
  if (row.first === undefined || compareOrdinals(ordinal, row.first.ordinal) < 0) row.first = { ordinal, before: exists.before };
  if (row.last === undefined || compareOrdinals(ordinal, row.last.ordinal) >= 0) row.last = { ordinal, after: exists.after };
}

function scopesOf(rows: ReadonlyMap<string, Row>): Iterable<ScopeTotals> {
  type Counting = { -readonly [K in keyof Rows]: number };
  const scopes = new Map<string, { scope: string; undone: Counting; stays: Counting }>();
  for (const [resource, row] of rows) {
    const scope = resource.slice(0, resource.lastIndexOf('/') + 1);
    const totals = scopes.get(scope) ?? { scope, undone: { ...NONE }, stays: { ...NONE } };
    scopes.set(scope, totals);
    totals[row.isStaying ? 'stays' : 'undone'][kindOf(row)]++;
  }
  return scopes.values();
}

const NONE: Rows = { created: 0, deleted: 0, changed: 0 };

/** Created and deleted by the same attempts is a change of nothing. */
function kindOf({ first, last }: Row): keyof Rows {
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
