/** The table of a run: how often each kind of edge had each end in each mode, and which cells are not possible. */
import type { Mode } from '../histories/elements.ts';
import type { End } from '../histories/mismatches.ts';
import { EDGES, type EdgeKind } from './edges.ts';
import type { Outcome } from './judge.ts';

const ENDS: Readonly<Record<Mode, readonly End[]>> = {
  refuse: ['fully restored', 'unverified', 'partly restored', 'not restored', 'waits', 'refused', 'nothing'],
  skip: ['fully restored', 'unverified', 'partly restored', 'not restored', 'nothing'],
  cascade: ['fully restored', 'unverified', 'partly restored', 'not restored', 'nothing'],
  force: ['fully restored', 'unverified', 'partly restored', 'not restored', 'nothing'],
};
interface Cell {
  readonly edge: EdgeKind;
  readonly mode: Mode;
  readonly end: End;
}
const CELLS: readonly Cell[] = EDGES.flatMap((edge) =>
  (Object.keys(ENDS) as Mode[]).flatMap((mode) => ENDS[mode].map((end) => ({ edge, mode, end }))),
);

/** Histories in each possible cell of a whole run, and how many histories that has. */
export const CELL_MIN = 100;
export const COUNT = 20_000;

export type Counts = Record<string, number>;
const keyOf = ({ edge, mode, end }: Cell): string => `${edge} × ${mode} × ${end}`;

export function count(counts: Counts, { edges, mode, end }: Outcome): void {
  for (const edge of edges) counts[keyOf({ edge, mode, end })] = (counts[keyOf({ edge, mode, end })] ?? 0) + 1;
}

/** Cells that an edge cannot reach, and why. Ends in no column are reached by no edge. */
const IMPOSSIBLE: readonly { readonly is: (cell: Cell) => boolean; readonly text: string }[] = [];
const NEVER: readonly string[] = [
  'skip, cascade, force × refused: such a plan leaves conflicts out and runs the rest.',
  'skip, cascade, force × waits: a step that conflicts ends.',
];
export const IMPOSSIBLE_LINES: readonly string[] = [...NEVER, ...IMPOSSIBLE.map(({ text }) => text)];

const isPossible = (cell: Cell): boolean => !IMPOSSIBLE.some(({ is }) => is(cell));

/** Possible cells with too few histories, the emptiest first; and impossible ones that were reached. */
export function wrongCells(counts: Counts): readonly string[] {
  const of = (cell: Cell): number => counts[keyOf(cell)] ?? 0;
  const few = CELLS.filter((cell) => isPossible(cell) && of(cell) < CELL_MIN).sort((a, b) => of(a) - of(b));
  const reached = CELLS.filter((cell) => !isPossible(cell) && of(cell) > 0);
  return [
    ...few.map((cell) => `fewer than ${CELL_MIN}: ${keyOf(cell)}: ${of(cell)}`),
    ...reached.map((cell) => `called impossible: ${keyOf(cell)}: ${of(cell)}`),
  ];
}

/** One block for each mode, one line for each edge. `-`: not possible. */
export function tableOf(counts: Counts): string {
  const blocks = (Object.keys(ENDS) as Mode[]).map((mode) => {
    const lines = EDGES.map((edge) => [
      edge,
      ...ENDS[mode].map((end) => (isPossible({ edge, mode, end }) ? String(counts[keyOf({ edge, mode, end })] ?? 0) : '-')),
    ]);
    const all = [[mode, ...ENDS[mode]], ...lines];
    const widths = all[0]?.map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0))) ?? [];
    return all
      .map((line) => line.map((text, at) => (at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0))).join('  '))
      .join('\n');
  });
  return blocks.join('\n\n');
}

/** One line that replays it, then what differed. */
export const failureText = ({ seed, mode, mismatches }: Pick<Outcome, 'seed' | 'mode' | 'mismatches'>): string =>
  `npm run test:model -- --only ${seed} --mode ${mode}\n  ${mismatches.join('\n  ')}`;
