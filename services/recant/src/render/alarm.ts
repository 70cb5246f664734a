import type { AlarmBody } from '@recant/api';
import { type Paint, printable } from '../terminal/output.ts';
import { clockTime } from '../terminal/time.ts';

/** Each alarm with what to do about it. */
export function alarmsText(alarms: readonly AlarmBody[], paint: Paint): string {
  return alarms.map((alarm) => alarmText(alarm, paint)).join('');
}

function alarmText({ alarm, code, subject, detail, action, startedAt, endedAt, acknowledged }: AlarmBody, paint: Paint): string {
  const state =
    endedAt !== undefined
      ? `, ended ${clockTime(Date.parse(endedAt))}`
      : acknowledged === undefined
        ? ''
        : `, acknowledged by ${printable(acknowledged.by)}`;
  const head = paint(endedAt === undefined && acknowledged === undefined ? 'red' : 'dim', code.replaceAll('_', ' '));
  return [
    `${head}  ${printable(subject)}  since ${clockTime(Date.parse(startedAt))}${state}\n`,
    `  ${printable(detail)}\n`,
    ...(endedAt === undefined ? [`  Do: ${printable(action)}\n`, `  alarm ${alarm}\n`] : []),
  ].join('');
}
