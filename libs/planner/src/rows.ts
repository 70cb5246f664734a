import { type AttemptRef, ROW_FATES, type RowFate } from '@recant/events';
import type { Conflict, PartGuard, PlanBody, PlanStep } from './plan.ts';
import { compareText } from './ref.ts';
import { EXISTS } from './timeline.ts';

export interface PlanRow {
  readonly resource: string;
  readonly fate: RowFate;
  /** Absent: no step of the plan undoes anything of it. */
  readonly step?: number;
  readonly ref: AttemptRef;
  readonly agent: string;
  readonly tool: string;
  /** Parts that go back; whose values are lost; why it stays. */
  readonly detail: string;
}

export interface WhichRows {
  /** What their resources start with. */
  readonly under?: string | undefined;
  readonly step?: number | undefined;
}

/** Rows and files that a plan names, those that stay and those that others lose first; deterministic. */
export function rowsOfPlan({ steps, conflicts }: Pick<PlanBody, 'steps' | 'conflicts'>, { under, step }: WhichRows): readonly PlanRow[] {
  const isWanted = (resource: string): boolean => under === undefined || resource.startsWith(under);
  const stays = step === undefined ? conflicts.flatMap((conflict) => stayingRow(conflict, isWanted)) : [];
  const known = new Set(stays.map(({ resource }) => resource));
  const chosen = step === undefined ? steps : steps.filter((one) => one.step === step);
  const ofSteps = chosen
    .flatMap((one) => rowsOfStep(one, isWanted))
    .filter(({ fate, resource }) => fate !== 'stays' || !known.has(resource));
  const rank = ({ fate }: PlanRow): number => ROW_FATES.indexOf(fate);
  return [...stays, ...ofSteps].sort((a, b) => rank(a) - rank(b) || compareText(a.resource, b.resource));
}

function stayingRow({ resource, ref, agent, tool, detail }: Conflict, isWanted: (resource: string) => boolean): PlanRow[] {
  return resource === undefined || !isWanted(resource) ? [] : [{ resource, fate: 'stays', ref, agent, tool, detail }];
}

function rowsOfStep(
  { step, undoes: ref, agent, tool, systems, stays = [], overwrites = [] }: PlanStep,
  isWanted: (resource: string) => boolean,
): PlanRow[] {
  const lost = new Map<string, string[]>();
  for (const { resource, detail } of overwrites) lost.set(resource, [...(lost.get(resource) ?? []), detail]);
  const guards = new Map<string, PartGuard[]>();
  for (const guard of systems.flatMap((system) => system.guards)) {
    if (!isWanted(guard.resource)) continue;
    const own = guards.get(guard.resource);
    if (own) own.push(guard);
    else guards.set(guard.resource, [guard]);
  }
  const one = { step, ref, agent, tool };
  return [
    ...stays.filter(isWanted).map((resource): PlanRow => ({ resource, fate: 'stays', ...one, detail: 'in conflict' })),
    ...[...guards].map(([resource, parts]): PlanRow => {
      const values = lost.get(resource);
      if (values) return { resource, fate: 'overwrites', ...one, detail: values.join(' ') };
      const named = parts.filter(({ part, before, after }) => part !== EXISTS && before !== after).map(({ part }) => part);
      return { resource, fate: fateOf(parts), ...one, detail: named.join(', ') };
    }),
  ];
}

function fateOf(parts: readonly PartGuard[]): RowFate {
  const exists = parts.find(({ part }) => part === EXISTS);
  if (exists && exists.before !== exists.after) {
    if (exists.before === null) return 'removed';
    if (exists.after === null) return 'comes_back';
  }
  return parts.some(({ before, after }) => before !== after) ? 'restored' : 'unchanged';
}
