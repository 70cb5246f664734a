import { cellOf } from './campaign.ts';
import { FAILOVER_KINDS, FAILOVERS_FROM } from './failover.ts';
import { ALL_KINDS, type Kind } from './kinds.ts';
import type { State } from './state.ts';

const COLUMNS = {
  refuse: ['fully restored', 'unverified', 'not restored', 'waits', 'refused', 'nothing'],
  skip: ['fully restored', 'unverified', 'partly restored', 'not restored', 'nothing'],
  // A quarter of the histories: too few for a minimum in each cell.
  force: ['fully restored', 'unverified', 'partly restored', 'not restored', 'nothing'],
} as const;
type Cell = { readonly kind: Kind; readonly mode: keyof typeof COLUMNS; readonly end: string };
const CELLS: readonly Cell[] = ALL_KINDS.flatMap((kind) =>
  (['refuse', 'skip', 'force'] as const).flatMap((mode) => COLUMNS[mode].map((end) => ({ kind, mode, end }))),
);

/** Histories in each possible cell of a whole campaign. */
export const CELL_MIN = 50;
/** Histories of a whole campaign, and failovers beside them. */
export const CAMPAIGN_COUNT = 3_600;
export const FAILOVER_COUNT = 120;

const OPEN = 'prepared and idle transactions';
/** A plan asks the target before anything is written, so that a step can conflict in the run only with what committed in between. */
const needsOpen = ({ kind, end }: Cell): boolean => kind !== OPEN && (end === 'not restored' || end === 'waits');

/** Cells that a kind cannot reach, and why. Ends that are in no column cannot be reached by any kind. */
const IMPOSSIBLE: readonly { readonly is: (cell: Cell) => boolean; readonly text: string }[] = [
  {
    is: needsOpen,
    text: `any other kind × not restored, × waits: a step that was planned conflicts only with a transaction that commits between plan and run, which is what "${OPEN}" does; where another kind has such an end, it was drawn together with that one.`,
  },
];
const NEVER: readonly string[] = [
  'refuse × partly restored: a plan with a conflict is refused; a conflict that a run finds before its first write stops all of it, a later one waits for a person.',
  'skip × refused: a plan in `skip` leaves conflicts out and runs the rest.',
  'skip × waits: a step that conflicts ends.',
];
export const IMPOSSIBLE_LINES: readonly string[] = [...NEVER, ...IMPOSSIBLE.map(({ text }) => text)];

const countOf = ({ counts }: State, { kind, mode, end }: Cell): number => counts[cellOf(kind, mode, end)] ?? 0;

/** Possible cells with too few histories, the emptiest first. */
export function missingCells(state: State): readonly string[] {
  const possible = CELLS.filter((cell) => cell.mode !== 'force' && !IMPOSSIBLE.some(({ is }) => is(cell)));
  return possible
    .map((cell) => ({ cell, count: countOf(state, cell) }))
    .filter(({ count }) => count < CELL_MIN)
    .sort((a, b) => a.count - b.count)
    .map(({ cell: { kind, mode, end }, count }) => `${cellOf(kind, mode, end)}: ${count}`);
}

/** One line a kind: how often each mode had each end. */
export function tableOf(state: State): string {
  const heads = Object.entries(COLUMNS).flatMap(([mode, ends]) => ends.map((end) => `${mode}: ${end}`));
  const lines = [
    ['kind', ...heads],
    ...ALL_KINDS.map((kind) => [kind, ...CELLS.filter((cell) => cell.kind === kind).map((cell) => String(countOf(state, cell)))]),
  ];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines.map((line) => line.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}

/** Failovers by kind, mode and end. */
export const failoverLines = ({ counts }: State): string[] =>
  Object.entries(counts)
    .filter(([cell]) => FAILOVER_KINDS.some((kind) => cell.startsWith(kind)))
    .map(([cell, count]) => `${cell}: ${count}`)
    .sort();

/** One line that replays it, then what differed. */
export const failureText = ({ seed, text }: State['failures'][number]): string =>
  `npm run test:histories -- ${seed < FAILOVERS_FROM ? `--seed ${seed} --count 1` : `--failover ${seed}`} --fresh\n  ${text}`;
