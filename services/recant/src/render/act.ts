import type { ActPage } from '@recant/api';
import type { EventOf, RecantEvent } from '@recant/events';
import { type Cell, count, type Paint, table } from '../terminal/output.ts';
import { clockTime } from '../terminal/time.ts';

type Item = ActPage['items'][number];
type Ended = EventOf<'recant.act.ended.v1'>['data'];
type Finished = EventOf<'recant.run.finished.v1'>['data'];

/** Characters of what an act is about; `--json` has all. */
const ABOUT_MAX = 100;

/** How acts and runs of a page came out: by the id that the end shares with its order. */
interface Ends {
  readonly acts: ReadonlyMap<string, Ended>;
  readonly runs: ReadonlyMap<string, Finished>;
}

/** One line an act, newest first: what was ordered together with what it came to, where both are in view. @param more ends that are not of the page */
export function actsText({ items }: ActPage, paint: Paint, more: readonly Item[] = []): string {
  if (items.length === 0) return 'Nothing fits.\n';
  const ends = endsIn([...items, ...more]);
  const begun = new Set(items.map(({ event }) => beginningOf(event)));
  const rows = items.flatMap(({ receivedAt, event }): Cell[][] => {
    const words = wordsOf(event, ends, begun);
    return words ? [[clockTime(Date.parse(receivedAt)), ...words]] : [];
  });
  return `${table(['recorded', 'who', 'what', 'came to', 'about'], rows, paint)}\n`;
}

/** Orders of a page whose end is not on it. */
export function withoutEnd({ items }: ActPage): readonly Item[] {
  const { acts } = endsIn(items);
  return items.filter(({ event }) => {
    const recorded = event;
    return recorded.type === 'recant.act.ordered.v1' && !acts.has(recorded.data.act);
  });
}

function endsIn(items: readonly Item[]): Ends {
  const events = items.map(({ event }) => event);
  return {
    acts: new Map(events.flatMap((event) => (event.type === 'recant.act.ended.v1' ? [[event.data.act, event.data] as const] : []))),
    runs: new Map(events.flatMap((event) => (event.type === 'recant.run.finished.v1' ? [[event.data.run, event.data] as const] : []))),
  };
}

function beginningOf(event: RecantEvent): string | undefined {
  if (event.type === 'recant.act.ordered.v1') return event.data.act;
  return event.type === 'recant.run.started.v1' ? event.data.run : undefined;
}

/** Undefined: it is told in the line of what it ends. */
function wordsOf(event: RecantEvent, { acts, runs }: Ends, begun: ReadonlySet<string | undefined>): Cell[] | undefined {
  switch (event.type) {
    case 'recant.act.ordered.v1': {
      const { act, by, operation, target } = event.data;
      const end = acts.get(act);
      return [whoWords(by), operationWords(operation), end ? endWords(end) : 'no end in view', aboutWords({ ...target, ...end?.detail })];
    }
    case 'recant.act.ended.v1':
      return begun.has(event.data.act)
        ? undefined
        : ['', 'end of an earlier act', endWords(event.data), aboutWords(event.data.detail ?? {})];
    case 'recant.authority.refused.v1': {
      const { by, operation, code, count: times } = event.data;
      return [
        by === undefined ? 'nobody known' : whoWords(by),
        operationWords(operation),
        `refused: ${codeWords(code)}`,
        count(times, 'time'),
      ];
    }
    case 'recant.plan.created.v1': {
      const { by, steps, conflicts, plan } = event.data;
      return [whoWords(by), 'plan', `${count(steps, 'step')}, ${count(conflicts, 'conflict')}`, `plan ${plan}`];
    }
    case 'recant.run.started.v1': {
      const { by, run, plan } = event.data;
      const end = runs.get(run);
      return [whoWords(by), 'run', end ? restoredWords(end) : 'started', `run ${run} of plan ${plan}`];
    }
    case 'recant.run.finished.v1':
      return begun.has(event.data.run) ? undefined : ['', 'end of an earlier run', restoredWords(event.data), `run ${event.data.run}`];
    default:
      return ['', event.type, '', event.id];
  }
}

const endWords = ({ outcome, code }: Ended): string => (code === undefined ? outcome : `${outcome}: ${codeWords(code)}`);
const restoredWords = ({ fullyRestored }: Finished): string => (fullyRestored ? 'fully restored' : 'not all of it restored');
const codeWords = (code: string): string => code.replaceAll('_', ' ');
/** `revokeKey` → `revoke key`. */
const operationWords = (operation: string): string => operation.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
/** People and users of this machine say what they are; anything else is the id of a key. */
const whoWords = (by: string): string => (by.includes(':') ? by : `key ${by}`);

function aboutWords(about: object): string {
  const text = membersWords(about);
  return text.length > ABOUT_MAX ? `${text.slice(0, ABOUT_MAX - 1)}…` : text;
}

function membersWords(members: object): string {
  return Object.entries(members)
    .flatMap(([name, value]) => (Array.isArray(value) && value.length === 0 ? [] : [`${operationWords(name)} ${valueWords(value)}`]))
    .join(', ');
}

function valueWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueWords).join(' ');
  return typeof value === 'object' && value !== null ? `(${membersWords(value)})` : String(value);
}
