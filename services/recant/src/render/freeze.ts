import type { FreezeBody, FreezeProgressBody } from '@recant/api';
import { type Paint, printable } from '../terminal/output.ts';
import { clockTime } from '../terminal/time.ts';

export function scopeText({ scope, value }: Pick<FreezeBody, 'scope' | 'value'>): string {
  return value === undefined ? 'all agents of this tenant' : `${scope} ${printable(value)}`;
}

export function freezesText(freezes: readonly FreezeBody[], paint: Paint): string {
  return freezes.map((freeze) => freezeText(freeze, paint)).join('');
}

/** With what the freeze waits for, and what it cannot stop. @param running actions in flight */
export function freezeProgressText(progress: FreezeProgressBody, paint: Paint, running: string): string {
  const { waiting, unleased } = progress;
  return [
    freezeText(progress, paint),
    listText(`  Not effective for ${recorders(waiting.count)}, which may still start an action:`, waiting),
    listText(
      `  ${paint('red', 'Not stopped:')} ${recorders(unleased.count)} without a lease. Stop their processes, or revoke their keys:`,
      unleased,
    ),
    running === '' ? '' : `  ${running}`,
  ].join('');
}

const recorders = (count: number): string => (count === 1 ? '1 source' : `${count} sources`);

function listText(head: string, { count, shown }: FreezeProgressBody['waiting']): string {
  if (count === 0) return '';
  const more = count > shown.length ? `    and ${count - shown.length} more\n` : '';
  return `${head}\n${shown.map((source) => `    ${printable(source)}\n`).join('')}${more}`;
}

function freezeText(freeze: FreezeBody, paint: Paint): string {
  const { orderedAt, effectiveAt, expiresAt, ended, by, reason } = freeze;
  const time = (at: string) => clockTime(Date.parse(at));
  const seconds = effectiveAt === undefined ? undefined : (Date.parse(effectiveAt) - Date.parse(orderedAt)) / 1_000;
  const state =
    ended !== undefined
      ? `ended ${time(ended.at)}${ended.by === undefined ? ', expired' : ` by ${printable(ended.by)}: ${printable(ended.reason ?? '')}`}`
      : seconds === undefined
        ? 'not effective yet'
        : `effective after ${seconds.toFixed(1)} s`;
  const expiry = ended === undefined && expiresAt !== undefined ? `, until ${time(expiresAt)}` : '';
  return [
    `${paint(ended === undefined ? 'red' : 'dim', ended === undefined ? 'frozen' : 'thawed')}  ${scopeText(freeze)}  since ${time(orderedAt)}${expiry}, ${state}\n`,
    `  ${printable(by)}: ${printable(reason)}\n`,
    `  freeze ${freeze.freeze}\n`,
  ].join('');
}
