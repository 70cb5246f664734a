import type { ActPage } from '@recant/api';
import type { ActRecorded } from '@recant/events';
import { count, type Paint } from '../terminal/output.ts';
import { type Cell, table } from '../terminal/table.ts';
import { clockTime } from '../terminal/time.ts';

/** Characters of the columns `reason` and `about`; `--json` has everything. */
const REASON_MAX = 60;
const ABOUT_MAX = 100;

/** One line an act, newest first. */
export function actsText({ items }: ActPage, paint: Paint): string {
  if (items.length === 0) return 'No results.\n';
  const rows = items.map(({ receivedAt, event }): Cell[] => [clockTime(Date.parse(receivedAt)), ...cellsOf(event.data)]);
  return `${table(['recorded', 'who', 'what', 'outcome', 'reason', 'about'], rows, paint)}\n`;
}

function cellsOf({ actor, operation, object, selection, reason = '', outcome, code, detail, repeated }: ActRecorded): Cell[] {
  const ended = code === undefined ? outcome : `${outcome}: ${code.replaceAll('_', ' ')}`;
  const times = repeated === undefined ? ended : `${ended}, ${count(repeated.count, 'time')}`;
  const about = { ...object, ...(selection && { selection }), ...detail };
  const what = operation === '*' ? 'several operations' : wordsOf(operation);
  return [actorText(actor), what, times, shortened(reason, REASON_MAX), shortened(membersText(about), ABOUT_MAX)];
}

/** People and local users carry a prefix (`person:`, `local:`); anything else is a key id, except Recant itself. */
function actorText(actor: ActRecorded['actor']): string {
  if (actor === undefined) return 'unknown caller';
  const { id, name } = actor;
  const full = id.includes(':') || id === 'recant' ? id : `key ${id}`;
  return name === undefined ? full : `${name} (${full})`;
}

/** `revokeKey` → `revoke key`. */
const wordsOf = (operation: string): string => operation.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const shortened = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max - 1)}…` : text);

function membersText(members: object): string {
  return Object.entries(members)
    .flatMap(([name, value]) => (Array.isArray(value) && value.length === 0 ? [] : [`${wordsOf(name)} ${valueText(value)}`]))
    .join(', ');
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(' ');
  return typeof value === 'object' && value !== null ? `(${membersText(value)})` : String(value);
}
