import type { PlanView } from '@recant/api';
import { count, type Paint, printable } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { resourceText } from './resource.ts';

type Contents = PlanView['body'];
type Rows = Contents['totals']['undone'];

/** Lines of one table. */
const SHOWN_MAX = 20;

/** What a plan would do, counted: by table and folder, what stays damaged, and what the other modes would do. */
export function totalsText({ totals }: Contents, paint: Paint): string {
  const back = sum(totals.undone);
  const stays = sum(totals.stays);
  if (back + stays === 0) return '';
  const rows = totals.scopes
    .slice(0, SHOWN_MAX)
    .map(({ scope, undone, stays: staying }) => [scopeText(scope), sum(staying), undone.deleted, undone.created, undone.changed]);
  const more = totals.scopes.length - rows.length + totals.scopesMore;
  return [
    table(['table or folder', 'stays', 'comes back', 'is removed', 'is restored'], rows, paint),
    ...(more > 0 ? [`  ... and ${count(more, 'more table or folder', 'more tables and folders')}`] : []),
    `Goes back: ${count(back, 'row or file', 'rows and files')}.${totals.compensated === 0 ? '' : ` Only compensated, with a residue: ${totals.compensated}.`}`,
    stays === 0
      ? paint('green', 'Nothing that is recorded of these attempts stays.')
      : paint(
          'yellow',
          `Stays: ${count(stays, 'row or file', 'rows and files')} (${kindsText(totals.stays)}), damaged unless somebody has changed or mended them since.`,
        ),
  ].join('\n');
}

/** Attempts by agent and tool, for plans with too many steps to list. */
export function toolsText({ totals }: Contents, paint: Paint): string {
  const shown = totals.tools.slice(0, SHOWN_MAX);
  const more = totals.tools.length - shown.length + totals.toolsMore;
  const rows = shown.map(({ agent, tool, undone, left }) => [printable(agent), printable(tool), left, undone]);
  return [
    table(['agent', 'tool', 'attempts that stay', 'undone'], rows, paint),
    ...(more > 0 ? [`  ... and ${count(more, 'more tool')}`] : []),
  ].join('\n');
}

/** The modes side by side; this plan's own first. Without `--partial` where that changes nothing. */
export function alternativesText({ body, counts }: Pick<PlanView, 'body' | 'counts'>, paint: Paint): string {
  const { mode, partial, totals, alternatives = [] } = body;
  if (alternatives.length === 0) return '';
  const own = {
    mode,
    partial,
    undone: counts.steps - counts.cascaded,
    left: totals.tools.reduce((all, { left }) => all + left, 0),
    dependents: counts.cascaded,
    rows: sum(totals.undone),
    rowsStay: sum(totals.stays),
    forced: counts.overwriting,
  };
  const all = [own, ...alternatives];
  const isSame = (a: Alternative, b: Alternative): boolean => COUNTS.every((field) => (a[field] ?? 0) === (b[field] ?? 0));
  const whole = ({ mode }: Alternative): Alternative | undefined => all.find((each) => each.mode === mode && !each.partial);
  const telling = all.filter((each) => each === own || !each.partial || !whole(each) || !isSame(each, whole(each) as Alternative));
  const rows = telling.map((each, at) => {
    const name = `--mode ${each.mode}${each.partial ? ' --partial' : ''}${at === 0 ? ' (this plan)' : ''}`;
    // A refused plan does nothing.
    return each.mode === 'refuse'
      ? [name, 0, each.undone + each.left, 0, each.rows + each.rowsStay, 0, 0]
      : [name, each.undone, each.left, each.rows, each.rowsStay, each.dependents, each.forced ?? 0];
  });
  const head = ['mode', 'attempts undone', 'left', 'rows back', 'rows stay', 'others undone', 'overwrite others'];
  return [paint('bold', 'What each mode would do:'), table(head, rows, paint)].join('\n');
}

type Alternative = NonNullable<Contents['alternatives']>[number];
const COUNTS = ['undone', 'left', 'dependents', 'rows', 'rowsStay', 'forced'] as const;

const scopeText = (scope: string): string => printable(resourceText(scope.replace(/\/$/, '')));
const sum = ({ created, deleted, changed }: Rows): number => created + deleted + changed;

function kindsText(rows: Rows): string {
  const kinds = (['deleted', 'created', 'changed'] as const).filter((kind) => rows[kind] > 0);
  return kinds.map((kind) => `${rows[kind]} ${kind}`).join(', ');
}
