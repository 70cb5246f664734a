import type { PlanRowBody, PlanRowPage } from '@recant/api';
import { count, type Paint, printable } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { resourceText } from './resource.ts';

const FATES: readonly (readonly [PlanRowBody['fate'], string])[] = [
  ['stays', 'stays'],
  ['overwrites', 'overwrites'],
  ['removed', 'is removed'],
  ['comes_back', 'comes back'],
  ['restored', 'is restored'],
  ['unchanged', 'as it was'],
];
const TEXTS = new Map(FATES);

/** Their number by what happens to them, then one line a row, with its values below it. */
export function rowsText({ items, next, counts }: PlanRowPage, paint: Paint): string {
  const fates = FATES.flatMap(([fate, text]) => (counts[fate] === undefined ? [] : [`${counts[fate]} ${text}`]));
  const all = Object.values(counts).reduce((sum, found) => sum + (found ?? 0), 0);
  const shown = items.flatMap(({ resource, fate, step, agent, tool, detail, values = [] }) => [
    [
      resourceText(resource),
      TEXTS.get(fate) ?? fate,
      step ?? '',
      `${agent} ${tool}`,
      values.length > 0 && fate !== 'stays' && fate !== 'overwrites' ? '' : detail,
    ],
    ...values.map((value) => ['', '', '', '', valueText(value)]),
  ]);
  return [
    printable(`${count(all, 'row or file', 'rows and files')}: ${fates.join(', ')}.`),
    table(['row or file', '', 'step', 'undoes', 'before the agent -> after'], shown, paint),
    ...(next === undefined ? [] : [`  ... and more: --limit, or --cursor ${next} (--json has it as "next")`]),
    '',
  ].join('\n');
}

const HIDDEN = { long: 'too long to show', gone: 'erased or expired', masked: 'not shown: masked' } as const;

function valueText({ part, before, after, hidden }: NonNullable<PlanRowBody['values']>[number]): string {
  if (hidden !== undefined) return `${part}: ${HIDDEN[hidden]}`;
  return `${part}: ${before ?? 'no row'} -> ${after ?? 'no row'}`;
}
