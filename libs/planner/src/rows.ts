import { type AttemptRef, ROW_FATES, type RowFate } from '@recant/events';
import type { Conflict, LeftAttempt, Overwrite, PartGuard, PlanStep } from './plan.ts';
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
  /** Fate `overwrites`: the values that are lost. */
  readonly overwrites?: readonly Omit<Overwrite, 'resource'>[];
}

export interface WhichRows {
  /** What their resources start with. */
  readonly under?: string | undefined;
  readonly step?: number | undefined;
  readonly fate?: RowFate | undefined;
}

/** Where a page of rows ended: rank of the fate, resource, step, and what tells rows of the same apart. */
export type RowPlace = readonly [rank: number, resource: string, step: number, at: number];

export interface RowsPage {
  readonly rows: readonly PlanRow[];
  /** Where it ended; absent: there are no more. */
  readonly next?: RowPlace;
  /** All rows that match, by what happens to them. */
  readonly counts: ReadonlyMap<RowFate, number>;
}

/** Finds the rows of one page while a plan is read, conflicts before the others; deterministic. Of other rows it holds the names of those that stay. */
export interface RowCollector {
  addConflict(conflict: Conflict): void;
  /** Rows of an attempt without a step: each row once, and not where a conflict names it. */
  addLeft(left: LeftAttempt, resources: Iterable<string>): void;
  addStep(step: PlanStep): void;
  page(): RowsPage;
}

interface Placed {
  readonly row: PlanRow;
  readonly place: RowPlace;
}

/** Rows and files that a plan names, those that stay and those that others lose first. @param after where the page before ended */
export function rowCollector({
  under,
  step,
  fate,
  limit,
  after,
}: WhichRows & { limit: number; after?: RowPlace | undefined }): RowCollector {
  const isWanted = (resource: string): boolean => under === undefined || resource.startsWith(under);
  const staying = new Set<string>();
  const counts = new Map<RowFate, number>();
  let found: Placed[] = [];
  let at = 0;
  const keep = (most: number): void => {
    found = found.sort((a, b) => comparePlaces(a.place, b.place)).slice(0, most);
  };
  const add = (row: PlanRow): void => {
    at++;
    if (fate !== undefined && row.fate !== fate) return;
    counts.set(row.fate, (counts.get(row.fate) ?? 0) + 1);
    const place: RowPlace = [ROW_FATES.indexOf(row.fate), row.resource, row.step ?? 0, at];
    if (after !== undefined && comparePlaces(place, after) <= 0) return;
    found.push({ row, place });
    if (found.length > HELD_PAGES * (limit + 1)) keep(limit + 1);
  };
  return {
    addConflict({ resource, ref, agent, tool, detail }) {
      if (step !== undefined || resource === undefined || !isWanted(resource)) return;
      staying.add(resource);
      add({ resource, fate: 'stays', ref, agent, tool, detail });
    },
    addLeft({ ref, agent, tool, detail }, resources) {
      if (step !== undefined) return;
      for (const resource of resources) {
        if (staying.has(resource) || !isWanted(resource)) continue;
        staying.add(resource);
        add({ resource, fate: 'stays', ref, agent, tool, detail });
      }
    },
    addStep(one) {
      if (step !== undefined && one.step !== step) return;
      for (const row of rowsOfStep(one, isWanted)) if (row.fate !== 'stays' || !staying.has(row.resource)) add(row);
    },
    page() {
      keep(limit + 1);
      const last = found[limit - 1];
      return {
        rows: found.slice(0, limit).map(({ row }) => row),
        ...(found.length > limit && last && { next: last.place }),
        counts,
      };
    },
  };
}

/** Rows that are held before those that are too many are dropped, in pages. */
const HELD_PAGES = 8;

function comparePlaces(a: RowPlace, b: RowPlace): number {
  return a[0] - b[0] || compareText(a[1], b[1]) || a[2] - b[2] || a[3] - b[3];
}

function rowsOfStep(
  { step, undoes: ref, agent, tool, systems, stays = [], overwrites = [] }: PlanStep,
  isWanted: (resource: string) => boolean,
): PlanRow[] {
  const lost = Map.groupBy(overwrites, ({ resource }) => resource);
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
      if (values) {
        const detail = values.map((value) => value.detail).join(' ');
        return { resource, fate: 'overwrites', ...one, detail, overwrites: values.map(({ resource: _resource, ...value }) => value) };
      }
      return { resource, fate: fateOf(parts), ...one, detail: restoredParts(parts).join(', ') };
    }),
  ];
}

/** Of one resource. */
export const restoredParts = (parts: readonly PartGuard[]): readonly string[] =>
  parts.filter(({ part, before, after }) => part !== EXISTS && before !== after).map(({ part }) => part);

/** What undoing does to one resource. */
export function fateOf(parts: readonly PartGuard[]): RowFate {
  const exists = parts.find(({ part }) => part === EXISTS);
  if (exists && exists.before === null && exists.after === null) return 'unchanged';
  if (exists && exists.before === null) return 'removed';
  if (exists && exists.after === null) return 'comes_back';
  return parts.some(({ before, after }) => before !== after) ? 'restored' : 'unchanged';
}
