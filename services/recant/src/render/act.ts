import type { ActPage } from '@recant/api';
import type { EventOf, RecantEvent } from '@recant/events';
import { count, type Paint } from '../terminal/output.ts';
import { type Cell, table } from '../terminal/table.ts';
import { clockTime } from '../terminal/time.ts';

type Item = ActPage['items'][number];
type Ended = EventOf<'recant.act.ended.v1'>['data'];
type Finished = EventOf<'recant.run.finished.v1'>['data'];

/** Characters of the column `about`; `--json` has everything. */
const ABOUT_MAX = 100;

/** Outcomes of acts and runs, by the id that the closing event shares with the opening one. */
interface Outcomes {
  readonly acts: ReadonlyMap<string, Ended>;
  readonly runs: ReadonlyMap<string, Finished>;
}

/** One line an act, newest first, with its outcome where one is known. @param more closing events from outside the page */
export function actsText({ items }: ActPage, paint: Paint, more: readonly Item[] = []): string {
  if (items.length === 0) return 'No results.\n';
  const outcomes = outcomesIn([...items, ...more]);
  const opened = new Set(items.map((item) => openedBy(item.event)));
  const rows = items.flatMap((item): Cell[][] => {
    const cells = cellsOf(item.event, outcomes, opened);
    return cells ? [[clockTime(Date.parse(item.receivedAt)), ...cells]] : [];
  });
  return `${table(['recorded', 'who', 'what', 'outcome', 'about'], rows, paint)}\n`;
}

/** Acts of a page whose closing event is not on it. */
export function withoutOutcome({ items }: ActPage): readonly Item[] {
  const { acts } = outcomesIn(items);
  return items.filter((item) => {
    const { event } = item;
    return event.type === 'recant.act.ordered.v1' && !acts.has(event.data.act);
  });
}

function outcomesIn(items: readonly Item[]): Outcomes {
  const events = items.map(({ event }) => event);
  return {
    acts: new Map(events.flatMap((event) => (event.type === 'recant.act.ended.v1' ? [[event.data.act, event.data] as const] : []))),
    runs: new Map(events.flatMap((event) => (event.type === 'recant.run.finished.v1' ? [[event.data.run, event.data] as const] : []))),
  };
}

function openedBy(event: RecantEvent): string | undefined {
  if (event.type === 'recant.act.ordered.v1') return event.data.act;
  return event.type === 'recant.run.started.v1' ? event.data.run : undefined;
}

/** Undefined for a closing event whose opening one is on the page: that row shows the outcome. */
function cellsOf(event: RecantEvent, { acts, runs }: Outcomes, opened: ReadonlySet<string | undefined>): Cell[] | undefined {
  switch (event.type) {
    case 'recant.act.ordered.v1': {
      const { act, by, operation, target } = event.data;
      const end = acts.get(act);
      return [callerText(by), operationText(operation), end ? endText(end) : 'no outcome yet', aboutText({ ...target, ...end?.detail })];
    }
    case 'recant.act.ended.v1':
      return opened.has(event.data.act)
        ? undefined
        : ['', 'outcome of an earlier act', endText(event.data), aboutText(event.data.detail ?? {})];
    case 'recant.authority.refused.v1': {
      const { by, operation, code, count: times } = event.data;
      const caller = by === undefined ? 'unknown caller' : callerText(by);
      return [caller, operationText(operation), `refused: ${codeText(code)}`, count(times, 'time')];
    }
    case 'recant.plan.created.v1': {
      const { by, steps, conflicts, plan } = event.data;
      return [callerText(by), 'plan', `${count(steps, 'step')}, ${count(conflicts, 'conflict')}`, `plan ${plan}`];
    }
    case 'recant.run.started.v1': {
      const { by, run, plan } = event.data;
      const end = runs.get(run);
      return [callerText(by), 'run', end ? restoredText(end) : 'started', `run ${run} of plan ${plan}`];
    }
    case 'recant.run.finished.v1':
      return opened.has(event.data.run) ? undefined : ['', 'outcome of an earlier run', restoredText(event.data), `run ${event.data.run}`];
    default:
      return ['', event.type, '', event.id];
  }
}

const endText = ({ outcome, code }: Ended): string => (code === undefined ? outcome : `${outcome}: ${codeText(code)}`);
const restoredText = ({ verdict }: Finished): string => verdict.replaceAll('_', ' ');
const codeText = (code: string): string => code.replaceAll('_', ' ');
/** `revokeKey` → `revoke key`. */
const operationText = (operation: string): string => operation.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
/** People and local users carry a prefix (`person:`, `local:`); anything else is a key id. */
const callerText = (by: string): string => (by.includes(':') ? by : `key ${by}`);

function aboutText(about: object): string {
  const text = membersText(about);
  return text.length > ABOUT_MAX ? `${text.slice(0, ABOUT_MAX - 1)}…` : text;
}

function membersText(members: object): string {
  return Object.entries(members)
    .flatMap(([name, value]) => (Array.isArray(value) && value.length === 0 ? [] : [`${operationText(name)} ${valueText(value)}`]))
    .join(', ');
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(' ');
  return typeof value === 'object' && value !== null ? `(${membersText(value)})` : String(value);
}
