import type { PlanView } from '@recant/api';
import { count, type Paint, printable } from '../terminal/output.ts';

type Watermark = NonNullable<PlanView['body']['watermark']>;
export type Missing = Watermark['missing'][number];

/** Things that are listed in full. */
const SHOWN_MAX = 20;
/** Names in a command that a person copies. */
const NAMES_MAX = 3;

export const unacceptedIn = ({ watermark }: Pick<PlanView['body'], 'watermark'>): readonly Missing[] =>
  (watermark?.missing ?? []).filter(({ accepted }) => !accepted);

/** How far the record of a plan that lacks nothing reaches. */
export function completeText({ watermark }: Pick<PlanView['body'], 'watermark'>): string {
  return watermark === undefined || watermark.missing.length > 0 ? '' : ` (record complete up to ${watermark.at})`;
}

/** What the record of a plan lacks. */
export function missingText({ watermark }: Pick<PlanView['body'], 'watermark'>, paint: Paint): string {
  if (watermark === undefined || watermark.missing.length === 0) return '';
  const { missing, acceptance } = watermark;
  const shown = missing
    .slice(0, SHOWN_MAX)
    .flatMap(({ id, subject, detail, action, accepted }) => [
      printable(`  ${id}  ${subject}: ${detail}`),
      printable(accepted ? '    accepted' : `    ${action}`),
    ]);
  const more = missing.length > SHOWN_MAX ? [`  ... and ${missing.length - SHOWN_MAX} more (--json shows all)`] : [];
  const by = acceptance === undefined ? [] : [printable(`  Accepted by ${acceptance.by}: ${acceptance.reason}`)];
  const head = `Missing from the record, ${count(missing.length, 'thing')}: a run of this plan cannot end fully restored.`;
  return [paint('yellow', head), ...shown, ...more, ...by].join('\n');
}

/** The options that accept what is missing. */
export function acceptText(missing: readonly Missing[]): string {
  const names = missing.slice(0, NAMES_MAX).map(({ id }) => `--accept-missing ${id}`);
  return `${names.join(' ')}${missing.length > NAMES_MAX ? ' ...' : ''} --reason TEXT`;
}
