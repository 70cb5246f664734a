import type { CreateKeyBody, KeyBody } from '@recant/api';
import { clockTime } from '../terminal/time.ts';

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/** `89 d`, `23 h`: whole units, of the largest that fits twice. */
export function timeLeft(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, each]) => ms >= 2 * each) ?? (['s', 1_000] as const);
  return `${Math.max(0, Math.floor(ms / unitMs))} ${unit}`;
}

/** What a key is now, and until when. */
export function keyStateWords({ state, expiresAt, revokedAt }: KeyBody, nowMs: number): string {
  const end = (at: string | undefined) => clockTime(at === undefined ? undefined : Date.parse(at));
  if (state === 'revoked') return `revoked ${end(revokedAt)}`;
  if (state === 'expired') return `expired ${end(expiresAt)}`;
  return expiresAt === undefined ? state : `${state}, expires in ${timeLeft(Date.parse(expiresAt) - nowMs)}`;
}

/** The label, and which key came before or after. */
export function keyNoteWords({ label, predecessor, successor }: KeyBody): string {
  const notes = [
    label,
    predecessor === undefined ? '' : `replaces ${predecessor}`,
    successor === undefined ? '' : `replaced by ${successor}`,
  ];
  return notes.filter((note) => note !== '').join('; ');
}

/** Said while another key can still be made: what was recorded under this one stays as it is for ever. */
export function undoableWords({ roles, resources }: Pick<CreateKeyBody, 'roles' | 'resources'>): string {
  if (!roles.includes('emit') || resources.length > 0) return '';
  return 'Nothing that is recorded under it can be undone, as it was made for no --resource. If that is not meant, revoke it and make another.\n';
}
