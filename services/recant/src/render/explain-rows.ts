import type { PlanRowBody, PlanRowPage } from '@recant/api';
import { count, type Paint, printable } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { plainText, resourceText } from './resource.ts';

const FATES: readonly (readonly [PlanRowBody['fate'], string])[] = [
  ['stays', 'stays'],
  ['overwrites', 'overwrites'],
  ['removed', 'is removed'],
  ['comes_back', 'comes back'],
  ['restored', 'is restored'],
  ['unchanged', 'as it was'],
];
const TEXTS = new Map(FATES);

/** Their number by what happens to them, then one line a row, with its values below it. @param refused the plan does nothing as it is */
export function rowsText({ items, next, counts }: PlanRowPage, paint: Paint, refused = false): string {
  const fates = FATES.flatMap(([fate, text]) => (counts[fate] === undefined ? [] : [`${counts[fate]} ${text}`]));
  const all = Object.values(counts).reduce((sum, found) => sum + (found ?? 0), 0);
  const shown = items.flatMap(({ resource, fate, step, agent, tool, detail, values = [] }) => [
    [
      resourceText(resource),
      TEXTS.get(fate) ?? fate,
      step ?? '',
      `${agent} ${tool}`,
      values.length > 0 && fate !== 'stays' && fate !== 'overwrites' ? '' : plainText(detail),
    ],
    ...values.map((value) => ['', '', '', '', valueText(value, fate)]),
  ]);
  return [
    ...(refused ? [paint('yellow', 'As it is, this plan does nothing. With --mode skip:')] : []),
    printable(`${count(all, 'row or file', 'rows and files')}: ${fates.join(', ')}.`),
    table(['row or file', '', 'step', 'by', 'value now -> after the undo'], shown, paint),
    ...(next === undefined ? [] : [`  ... and more: --limit, or --cursor ${next} (--json has it as "next")`]),
    '',
  ].join('\n');
}

const HIDDEN = { long: 'too long to show', gone: 'erased or expired', masked: 'not shown: masked' } as const;

/** A step takes a value from what its attempt left to what was before it; of a row that stays, what the attempt did. */
function valueText({ part, before, after, hidden }: NonNullable<PlanRowBody['values']>[number], fate: PlanRowBody['fate']): string {
  if (hidden !== undefined) return `${part}: ${HIDDEN[hidden]}`;
  const [old, set] = [before ?? 'no row', after ?? 'no row'];
  if (fate === 'stays') return `${part}: the agent set ${set} (before: ${old})`;
  return fate === 'overwrites' ? `${part}: back to ${old} (the agent set ${set})` : `${part}: ${set} -> ${old}`;
}
