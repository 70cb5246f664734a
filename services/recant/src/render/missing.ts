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

/** How far the record of a plan reaches, and what it lacks. */
export function missingText({ watermark }: Pick<PlanView['body'], 'watermark'>, paint: Paint): string {
  if (watermark === undefined) return '';
  const { at, missing, acceptance } = watermark;
  if (missing.length === 0) return `Record complete up to ${at}.`;
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
