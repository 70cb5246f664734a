import { OWN_AGENT } from '@recant/events';
import type { SourceHole, SourceRecord } from '../ports.ts';
import { compareText } from '../ref.ts';
import type { Selection } from '../selection/selection.ts';
import { type Missing, missing } from './missing.ts';

/** Ranges of numbers, and attempts, that are named in one text. */
const NAMED_MAX = 5;

/** What the sources of a selection lack: holes in their numbers, intents, and the end of those whose process stopped sending. */
export function missingOfSources(records: readonly SourceRecord[], selection: Selection): readonly Missing[] {
  return [...records]
    .sort((a, b) => compareText(a.source, b.source))
    .flatMap((record) =>
      [holesOf(record, selection), withoutIntent(record, selection), lost(record, selection)].filter((one) => one !== undefined),
    );
}

/** By the ledger's clock. An event that is missing was sent after the one before it and before the one after it. */
function isInWindow({ beforeMs, afterMs }: Pick<SourceHole, 'beforeMs' | 'afterMs'>, { clock, fromMs, toMs }: Selection): boolean {
  if (clock === 'claimed') return true;
  return (fromMs === undefined || afterMs >= fromMs) && (toMs === undefined || beforeMs === undefined || beforeMs < toMs);
}

function holesOf({ source, agent, holes, holesMore }: SourceRecord, selection: Selection): Missing | undefined {
  const concerned = holes.filter((hole) => isInWindow(hole, selection)).sort((a, b) => a.first - b.first);
  if (concerned.length === 0 && holesMore === 0) return undefined;
  const ranges = concerned.map(({ first, last }) => [first, last]);
  const count = concerned.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const named = concerned.slice(0, NAMED_MAX).map(({ first, last }) => (first === last ? `${first}` : `${first}–${last}`));
  const more = concerned.length - named.length + holesMore;
  if (more > 0) named.push(`${more} more ranges`);
  const events = count === 1 && more === 0 ? '1 event' : `${holesMore > 0 ? 'More than ' : ''}${count} events`;
  return missing(
    'hole',
    source,
    { ranges, more: holesMore },
    {
      detail: `${events} of ${whose(agent)} not recorded: number ${named.join(', ')}.`,
      action: 'Start the process that has them (its spool sends them), see `recant sources --gaps`, and plan again.',
    },
  );
}

function withoutIntent({ source, agent, withoutIntent: attempts }: SourceRecord, selection: Selection): Missing | undefined {
  const chosen = selection.actions && new Set(selection.actions);
  const concerned = attempts.filter(
    ({ action, receivedAtMs }) =>
      (chosen === undefined || chosen.has(action)) && isInWindow({ beforeMs: receivedAtMs, afterMs: receivedAtMs }, selection),
  );
  if (concerned.length === 0) return undefined;
  const refs = concerned.map(({ action, attempt }) => `${action}/${attempt}`).sort();
  const more = refs.length > NAMED_MAX ? ` and ${refs.length - NAMED_MAX} more` : '';
  return missing(
    'without_intent',
    source,
    { attempts: refs },
    {
      detail: `${refs.length === 1 ? '1 attempt' : `${refs.length} attempts`} of ${whose(agent)} recorded without an intent, so that no plan can select ${refs.length === 1 ? 'it' : 'them'}: action ${refs.slice(0, NAMED_MAX).join(', ')}${more}.`,
      action: 'Start the process that has the intents (its spool sends them), and plan again.',
    },
  );
}

/** One whose lease expired before the window began concerns other windows. */
function lost({ source, agent, lost: end }: SourceRecord, { clock, fromMs }: Selection): Missing | undefined {
  if (end === undefined) return undefined;
  const { receivedAtMs, leaseMs } = end;
  if (clock !== 'claimed' && fromMs !== undefined && receivedAtMs + leaseMs < fromMs) return undefined;
  const since = new Date(receivedAtMs).toISOString();
  return missing(
    'lost_source',
    source,
    { since },
    {
      detail: `The process of ${whose(agent)} stopped sending (last event ${since}) without closing its source: what it did since may be missing.`,
      action: 'Start the process again (it sends what it has), and plan again.',
    },
  );
}

const whose = (agent: string): string => (agent === OWN_AGENT ? 'Recant itself' : `agent ${agent}`);
