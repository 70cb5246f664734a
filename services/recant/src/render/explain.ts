import type { PlanView, RunTotalsView } from '@recant/api';
import { count, type Paint, printable } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { resourceText } from './resource.ts';

type Contents = PlanView['body'];
type Rows = Contents['totals']['undone'];

/** Lines of one table. */
const SHOWN_MAX = 20;

/** A plan in mode `refuse` with conflicts: it shows what mode `skip` would do, and does nothing. */
export const isRefused = ({ body, counts }: Pick<PlanView, 'body' | 'counts'>): boolean => body.mode === 'refuse' && counts.stopping > 0;

/** What a plan would do, counted by table and folder, and what stays damaged. */
export function plannedText(plan: Pick<PlanView, 'body' | 'counts'>, paint: Paint): string {
  const { totals } = plan.body;
  const refused = isRefused(plan);
  const back = sum(totals.undone);
  const stays = sum(totals.stays);
  if (back + stays === 0) return '';
  const rows = totals.scopes
    .slice(0, SHOWN_MAX)
    .map(({ scope, undone, stays: staying }) => [scopeText(scope), sum(staying), undone.deleted, undone.created, undone.changed]);
  const more = totals.scopes.length - rows.length + totals.scopesMore;
  return [
    table([refused ? 'with --mode skip' : 'table or folder', 'stays', 'comes back', 'is removed', 'is restored'], rows, paint),
    ...(more > 0 ? [`  ... and ${count(more, 'more table or folder', 'more tables and folders')}`] : []),
    `${refused ? 'As it is, this plan does nothing. With --mode skip goes back' : 'Goes back'}: ${count(back, 'row or file', 'rows and files')}.${totals.compensated === 0 ? '' : ` Only compensated, with a residue: ${totals.compensated}.`}`,
    stays === 0
      ? paint('green', 'Nothing that is recorded of these attempts stays.')
      : paint(
          'yellow',
          `Stays: ${count(stays, 'row or file', 'rows and files')} (${kindsText(totals.stays)}), damaged unless somebody has changed or mended them since.`,
        ),
  ].join('\n');
}

/** What a run did, counted by table and folder. */
export function didText({ scopes, scopesMore, undone, failed, stays }: RunTotalsView, paint: Paint): string {
  const [back, left, not] = [sum(undone), sum(stays), sum(failed)];
  if (back + left + not === 0) return '';
  const shown = scopes.slice(0, SHOWN_MAX);
  const rows = shown.map((one) => [
    scopeText(one.scope),
    sum(one.stays),
    sum(one.failed),
    one.undone.deleted,
    one.undone.created,
    one.undone.changed,
  ]);
  const more = scopes.length - shown.length + scopesMore;
  return [
    table(['table or folder', 'left by the plan', 'not undone', 'came back', 'removed', 'restored'], rows, paint),
    ...(more > 0 ? [`  ... and ${count(more, 'more table or folder', 'more tables and folders')}`] : []),
    `Went back: ${count(back, 'row or file', 'rows and files')}.${left === 0 ? '' : ` Left by the plan: ${left} (${kindsText(stays)}).`}${not === 0 ? '' : ` Not undone: ${not} (${kindsText(failed)}).`}`,
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
  const own: Alternative = {
    mode,
    ...(partial && { partial }),
    undone: counts.steps - counts.cascaded,
    left: totals.tools.reduce((all, { left }) => all + left, 0),
    dependents: counts.cascaded,
    rows: sum(totals.undone),
    rowsStay: sum(totals.stays),
    overwrites: counts.overwrites,
  };
  const all = [own, ...alternatives];
  const isSame = (a: Alternative, b: Alternative): boolean => COUNTS.every((field) => (a[field] ?? 0) === (b[field] ?? 0));
  const whole = ({ mode }: Alternative): Alternative | undefined => all.find((each) => each.mode === mode && !each.partial);
  const telling = all.filter((each) => each === own || !each.partial || !whole(each) || !isSame(each, whole(each) as Alternative));
  const rows = telling.map((each, at) => {
    const name = `--mode ${each.mode}${each.partial ? ' --partial' : ''}${at === 0 ? ' (this plan)' : each.estimated ? ' (estimate)' : ''}`;
    // A refused plan does nothing.
    if (each.mode === 'refuse') return [name, 0, each.undone + each.left, 0, each.rows + each.rowsStay, 0, 0];
    const lost = each.estimated && each.mode === 'force' ? 'unknown' : (each.overwrites ?? 0);
    return [name, each.undone, each.left, each.rows, each.rowsStay, each.dependents, lost];
  });
  const head = ['mode', 'attempts undone', 'left', 'rows back', 'rows stay', 'others undone', 'others’ values lost'];
  const note = alternatives.some(({ estimated }) => estimated) ? [ESTIMATE] : [];
  return [paint('bold', 'What each mode would do:'), table(head, rows, paint), ...note].join('\n');
}

const ESTIMATE =
  'estimate: by the ledger alone. Where others changed rows since without a record, more stays, and force overwrites more; a plan in that mode asks the systems.';

type Alternative = NonNullable<Contents['alternatives']>[number];
const COUNTS = ['undone', 'left', 'dependents', 'rows', 'rowsStay', 'overwrites'] as const;

const scopeText = (scope: string): string => printable(resourceText(scope));
const sum = ({ created, deleted, changed }: Rows): number => created + deleted + changed;

function kindsText(rows: Rows): string {
  const kinds = (['deleted', 'created', 'changed'] as const).filter((kind) => rows[kind] > 0);
  return kinds.map((kind) => `${rows[kind]} ${kind}`).join(', ');
}
