import { type Broken, RULES, type Sound, type Verdict, WARNINGS } from '@recant/verifier';
import type { ReceiptVerdict } from '../evidence/verify-receipt.ts';
import { count, type Paint, printable } from '../terminal/output.ts';

export function verdictText(verdict: Verdict, paint: Paint): string {
  return verdict.sound ? soundText(verdict, paint) : brokenText(verdict, paint);
}

function soundText(verdict: Sound, paint: Paint): string {
  const { counts, warnings, warningCounts, made, query, keys, keysGiven, anchorsUnused, anchorsNewer, unprojected = 0 } = verdict;
  const { logs, entries, checkpoints, anchors } = counts;
  const lines = [
    `${paint(['bold', 'green'], 'Sound.')} ${count(logs, 'log')}, ${count(entries, 'entry', 'entries')}: ${entriesText(counts)}; ${count(checkpoints, 'checkpoint')}.`,
    ...(made === undefined ? [] : [`Made ${made}, of ${queryText(query)}.`]),
    anchors > 0
      ? `Compared with ${count(anchors, 'checkpoint')} saved elsewhere.`
      : 'Not compared with checkpoints saved elsewhere (--anchor): a ledger replaced as a whole would look the same.',
    `Signed by ${keys.length === 0 ? 'no key yet' : keys.join(', ')}${keysGiven ? '' : ' (not checked against keys that you trust: compare them, or pass --vkey)'}.`,
  ];
  if (anchors > 0 && anchorsUnused.length > 0)
    lines.push(`Not compared: ${savedCheckpoints(anchorsUnused.length)} another log, or to entries before the verified ones.`);
  if (anchorsNewer.length > 0)
    lines.push(
      `${count(anchorsNewer.length, 'saved checkpoint')} ${anchorsNewer.length === 1 ? 'is newer than this bundle and can’t check it' : 'are newer than this bundle and can’t check it'}.`,
    );
  if (unprojected > 0)
    lines.push(
      `${paint('yellow', 'Note:')} the read models lack the latest ${count(unprojected, 'entry', 'entries')}: the running service adds them.`,
    );
  for (const [rule, times] of Object.entries(warningCounts)) {
    const first = warnings.find((warning) => warning.rule === rule);
    lines.push(`${paint('yellow', 'Note:')} ${rule}, ${count(times, 'time')}. ${WARNINGS[rule as keyof typeof WARNINGS]}`);
    if (first !== undefined) lines.push(`      First: shard ${first.shard}, entry ${first.index}: ${printable(first.detail)}.`);
  }
  return `${lines.join('\n')}\n`;
}

function queryText({ shard, from }: NonNullable<Sound['query']> = {}): string {
  if (shard === undefined) return 'all logs of the tenant';
  return from === undefined ? `log ${shard}` : `log ${shard} from entry ${from}`;
}

/** Each entry is an event (acts included), a dead letter, or the genesis of a log or epoch. */
function entriesText({ entries, events, deadLetters }: Sound['counts']): string {
  const genesis = count(entries - events - deadLetters, 'genesis entry', 'genesis entries');
  return `${count(events, 'event')} (acts included), ${count(deadLetters, 'dead letter')}, ${genesis} of logs and epochs`;
}

const savedCheckpoints = (n: number): string => `${count(n, 'saved checkpoint')} ${n === 1 ? 'belongs' : 'belong'} to`;

function brokenText({ rule, shard, index, detail }: Broken, paint: Paint): string {
  const place = [...(shard === undefined ? [] : [`shard ${shard}`]), ...(index === undefined ? [] : [`entry ${index}`])].join(', ');
  return `${paint(['bold', 'red'], 'Not sound:')} ${rule}${place === '' ? '' : ` at ${place}`}.\n${RULES[rule]}\n${printable(detail)}\n`;
}

export function receiptText(verdict: ReceiptVerdict, paint: Paint): string {
  if (!verdict.sound) return `${paint(['bold', 'red'], 'Not sound:')} ${verdict.rule}.\n${printable(verdict.detail)}\n`;
  const { origin, index, size, receivedAt, event } = verdict.receipt;
  const action = 'action' in event.data ? ` of action ${event.data.action}` : '';
  return [
    `${paint(['bold', 'green'], 'Sound.')} ${event.type}${action}, sent by ${printable(event.agent)}, recorded at ${receivedAt}.`,
    `Entry ${index} of ${printable(origin)}, covered by its signed checkpoint of ${size} entries.`,
    '',
  ].join('\n');
}
