import { cellOf } from './campaign.ts';
import { ALL_KINDS } from './script.ts';
import type { State } from './state.ts';

const COLUMNS = {
  refuse: ['fully restored', 'unverified', 'refused', 'nothing', 'waits'],
  skip: ['fully restored', 'unverified', 'partly restored', 'not restored', 'nothing'],
} as const;

/** Ends that a mode cannot have. */
export const IMPOSSIBLE: readonly string[] = [
  'refuse × partly restored, refuse × all conflicted: a plan with a conflict is refused before its first write.',
  'skip × refused: a plan in `skip` leaves conflicts out and runs the rest.',
];

/** One line a kind: how often each mode had each end. */
export function tableOf({ counts }: State): string {
  const heads = Object.entries(COLUMNS).flatMap(([mode, ends]) => ends.map((end) => [mode, end] as const));
  const lines = [
    ['kind', ...heads.map(([mode, end]) => `${mode}: ${end}`)],
    ...ALL_KINDS.map((kind) => [kind, ...heads.map(([mode, end]) => String(counts[cellOf(kind, mode, end)] ?? 0))]),
  ];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines.map((line) => line.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}

/** One line that replays it, then what differed. */
export const failureText = ({ seed, text }: State['failures'][number]): string =>
  `npm run test:histories -- --seed ${seed} --count 1 --fresh\n  ${text}`;
