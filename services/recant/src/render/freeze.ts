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
  const { waiting, unleased, systems } = progress;
  return [
    freezeText(progress, paint),
    listText(`  Not effective for ${recorders(waiting.count)}, which may still start an action:`, waiting),
    listText(
      `  ${paint('red', 'Not stopped:')} ${recorders(unleased.count)} without a lease. Stop their processes, or revoke their keys:`,
      unleased,
    ),
    ...systems.map((system) => systemText(system, paint)),
    running === '' ? '' : `  ${running}`,
  ].join('');
}

function systemText({ system, effectiveAt, logins, open, unfrozen, problem }: FreezeProgressBody['systems'][number], paint: Paint): string {
  const name = printable(system);
  const frozen = logins.length === 0 ? 'no login of the agent is registered' : `writes of ${logins.map(printable).join(', ')} are refused`;
  const more = unfrozen.count > unfrozen.shown.length ? `, and ${unfrozen.count - unfrozen.shown.length} more` : '';
  return [
    effectiveAt === undefined
      ? `  ${paint('red', 'Not effective in')} ${name}: ${printable(problem ?? 'open transactions')}\n`
      : `  ${name}: ${frozen}\n`,
    ...open.map(({ login, pid, gid, ageMs }) => `    ${openText({ login, pid, gid, ageMs })}\n`),
    unfrozen.count === 0 ? '' : `    ${paint('red', 'not captured, so not refused:')} ${unfrozen.shown.map(printable).join(', ')}${more}\n`,
  ].join('');
}

interface OpenTransaction {
  readonly login: string;
  readonly pid: number | undefined;
  readonly gid: string | undefined;
  readonly ageMs: number | undefined;
}

function openText({ login, pid, gid, ageMs }: OpenTransaction): string {
  const which = pid === undefined ? `prepared transaction ${printable(gid ?? '')}` : `transaction of process ${pid}`;
  return `${which} of login ${printable(login)}${ageMs === undefined ? '' : `, open for ${Math.round(ageMs / 1_000)} s`}`;
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
