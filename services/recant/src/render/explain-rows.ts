import type { PlanView } from '@recant/api';
import { count, type Paint, printable } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { resourceText } from './resource.ts';

type Contents = PlanView['body'];
type Step = Contents['steps'][number];

/** What happens to one row or file, worst first. */
const FATES = ['stays', 'overwrites', 'is removed', 'comes back', 'is restored', 'as it was'] as const;

export interface ExplainedRow {
  readonly resource: string;
  readonly fate: (typeof FATES)[number];
  /** Absent: no step of the plan undoes anything of it. */
  readonly step?: number;
  readonly agent: string;
  readonly tool: string;
  /** Parts that go back; whose values are lost; why it stays. */
  readonly detail: string;
}

/** The rows and files of a plan under a table or folder, given as a URI or as `explain` prints it: those that stay and those that others lose first. */
export function rowsUnder({ steps, conflicts }: Contents, under: string): readonly ExplainedRow[] {
  const isUnder = (resource: string): boolean => resource.startsWith(under) || resourceText(resource).startsWith(under);
  const stays = conflicts.flatMap(({ resource, agent, tool, detail }): ExplainedRow[] =>
    resource === undefined || !isUnder(resource) ? [] : [{ resource, fate: 'stays', agent, tool, detail }],
  );
  const known = new Set(stays.map(({ resource }) => resource));
  const all = [
    ...stays,
    ...steps.flatMap((step) => rowsOfStep(step, isUnder).filter(({ fate, resource }) => fate !== 'stays' || !known.has(resource))),
  ];
  const rank = ({ fate }: ExplainedRow): number => FATES.indexOf(fate);
  return all.sort((a, b) => rank(a) - rank(b) || (a.resource < b.resource ? -1 : a.resource > b.resource ? 1 : 0));
}

function rowsOfStep(
  { step, agent, tool, systems, stays = [], overwrites = [] }: Step,
  isUnder: (resource: string) => boolean,
): readonly ExplainedRow[] {
  const lost = Map.groupBy(overwrites, ({ resource }) => resource);
  const guards = Map.groupBy(
    systems.flatMap((system) => system.guards).filter(({ resource }) => isUnder(resource)),
    ({ resource }) => resource,
  );
  return [
    ...stays.filter(isUnder).map((resource): ExplainedRow => ({ resource, fate: 'stays', step, agent, tool, detail: 'in conflict' })),
    ...[...guards].map(([resource, parts]): ExplainedRow => {
      const values = lost.get(resource);
      if (values) return { resource, fate: 'overwrites', step, agent, tool, detail: values.map(({ detail }) => detail).join(' ') };
      const named = parts.filter(({ part, before, after }) => part !== 'exists' && before !== after).map(({ part }) => part);
      return { resource, fate: fateOf(parts), step, agent, tool, detail: named.join(', ') };
    }),
  ];
}

function fateOf(parts: Step['systems'][number]['guards']): ExplainedRow['fate'] {
  const exists = parts.find(({ part }) => part === 'exists');
  if (exists && exists.before !== exists.after) {
    if (exists.before === null) return 'is removed';
    if (exists.after === null) return 'comes back';
  }
  return parts.some(({ before, after }) => before !== after) ? 'is restored' : 'as it was';
}

/** Their number by what happens to them, then the first ones. */
export function rowsText(rows: readonly ExplainedRow[], limit: number, paint: Paint): string {
  const fates = FATES.flatMap((fate) => {
    const found = rows.filter((row) => row.fate === fate).length;
    return found === 0 ? [] : [`${found} ${fate}`];
  });
  const shown = rows
    .slice(0, limit)
    .map(({ resource, fate, step, agent, tool, detail }) => [resourceText(resource), fate, step ?? '', `${agent} ${tool}`, detail]);
  const more = rows.length - shown.length;
  return [
    printable(`${count(rows.length, 'row or file', 'rows and files')}: ${fates.join(', ')}.`),
    table(['row or file', '', 'step', 'undoes', ''], shown, paint),
    ...(more > 0 ? [`  ... and ${more} more (--limit, or --json for all)`] : []),
    '',
  ].join('\n');
}
