import type { CreateKeyBody, KeyBody } from '@recant/api';
import { clockTime } from '../terminal/time.ts';

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/** `89 d`, `23 h`: whole units, of the largest unit that fits twice. */
export function timeLeft(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, each]) => ms >= 2 * each) ?? (['s', 1_000] as const);
  return `${Math.max(0, Math.floor(ms / unitMs))} ${unit}`;
}

export function keyStateText({ state, expiresAt, revokedAt }: KeyBody, nowMs: number): string {
  const time = (at: string | undefined) => clockTime(at === undefined ? undefined : Date.parse(at));
  if (state === 'revoked') return `revoked ${time(revokedAt)}`;
  if (state === 'expired') return `expired ${time(expiresAt)}`;
  return expiresAt === undefined ? state : `${state}, expires in ${timeLeft(Date.parse(expiresAt) - nowMs)}`;
}

/** The label, the predecessor and the successor. */
export function keyNote({ label, predecessor, successor }: KeyBody): string {
  const notes = [
    label,
    predecessor === undefined ? '' : `replaces ${predecessor}`,
    successor === undefined ? '' : `replaced by ${successor}`,
  ];
  return notes.filter((note) => note !== '').join('; ');
}

/** Warns while another key can still be made: a key's resources cannot be changed, and recorded actions cannot be moved to another key. */
export function noResourceWarning({ roles, resources }: Pick<CreateKeyBody, 'roles' | 'resources'>): string {
  if (!roles.includes('emit') || resources.length > 0) return '';
  return 'Warning: changes of files reported under a key without --resource cannot be undone; what a connected database recorded can. Revoke the key and create one with --resource if they should be.\n';
}
