import { type Broken, RULES, type Sound, type Verdict, WARNINGS } from '@recant/verifier';
import type { ReceiptVerdict } from '../evidence/verify-receipt.ts';
import { count, type Paint, printable } from '../terminal/output.ts';

/** What a verification found, for people. */
export function verdictWords(verdict: Verdict, paint: Paint): string {
  return verdict.sound ? soundText(verdict, paint) : brokenText(verdict, paint);
}

function soundText({ counts, warnings, warningCounts, keys, keysGiven, anchorsUnused, anchorsNewer }: Sound, paint: Paint): string {
  const { logs, entries, checkpoints, anchors } = counts;
  const lines = [
    `${paint(['bold', 'green'], 'Sound.')} ${count(logs, 'log')}, ${entries === 1 ? '1 entry' : `${entries} entries`}: ${entriesText(counts)}; ${count(checkpoints, 'checkpoint')}.`,
    anchors > 0
      ? `Compared with ${count(anchors, 'checkpoint')} kept elsewhere.`
      : 'Not compared with checkpoints kept elsewhere (--anchor): a ledger replaced as a whole would look the same.',
    `Signed by ${keys.length === 0 ? 'nobody yet' : keys.join(', ')}${keysGiven ? '' : ' (its own word: compare with what you were told, or give --vkey)'}.`,
  ];
  if (anchors > 0 && anchorsUnused.length > 0)
    lines.push(`${anchorsUnused.length} of the kept checkpoints are of something else, or of entries before these.`);
  if (anchorsNewer.length > 0)
    lines.push(`${anchorsNewer.length} of the kept checkpoints are newer than this bundle and of more entries: they say nothing of it.`);
  for (const [rule, times] of Object.entries(warningCounts)) {
    const first = warnings.find((warning) => warning.rule === rule);
    lines.push(`${paint('yellow', 'Note:')} ${rule}, ${count(times, 'time')}. ${WARNINGS[rule as keyof typeof WARNINGS]}`);
    if (first !== undefined) lines.push(`      First: shard ${first.shard}, entry ${first.index}: ${printable(first.detail)}.`);
  }
  return `${lines.join('\n')}\n`;
}

/** Every entry is one of three: an event (acts are), a message that was refused, or what a log says of itself where it, or an epoch of it, begins. */
function entriesText({ entries, events, deadLetters }: Sound['counts']): string {
  const ofLogs = count(entries - events - deadLetters, 'beginning');
  return `${count(events, 'event')} (acts among them), ${count(deadLetters, 'refused message')}, ${ofLogs} of logs and epochs`;
}

function brokenText({ rule, shard, index, detail }: Broken, paint: Paint): string {
  const place = [...(shard === undefined ? [] : [`shard ${shard}`]), ...(index === undefined ? [] : [`entry ${index}`])].join(', ');
  return `${paint(['bold', 'red'], 'Not sound:')} ${rule}${place === '' ? '' : ` at ${place}`}.\n${RULES[rule]}\n${printable(detail)}\n`;
}

/** What a receipt proves, for people. */
export function receiptWords(verdict: ReceiptVerdict, paint: Paint): string {
  if (!verdict.sound) return `${paint(['bold', 'red'], 'Not sound:')} ${verdict.rule}.\n${printable(verdict.detail)}\n`;
  const { origin, index, size, receivedAt, event } = verdict.receipt;
  const action = 'action' in event.data ? ` of action ${event.data.action}` : '';
  return [
    `${paint(['bold', 'green'], 'Sound.')} ${event.type}${action}, sent by ${printable(event.agent)}, was recorded at ${receivedAt}.`,
    `It is entry ${index} of ${printable(origin)}, under its signed checkpoint of ${size} entries.`,
    '',
  ].join('\n');
}
