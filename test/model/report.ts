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

/** Histories in each possible cell of a whole run, how many histories that has, and how many of them are also played on PostgreSQL. */
export const CELL_MIN = 100;
export const COUNT = 20_000;
export const REAL_COUNT = 1_000;

export type Counts = Record<string, number>;
const keyOf = ({ edge, mode, end }: Cell): string => `${edge} × ${mode} × ${end}`;

export function count(counts: Counts, { edges, mode, end }: Outcome): void {
  for (const edge of edges) counts[keyOf({ edge, mode, end })] = (counts[keyOf({ edge, mode, end })] ?? 0) + 1;
}

const among =
  (...edges: readonly EdgeKind[]) =>
  ({ edge }: Cell): boolean =>
    edges.includes(edge);
const isNot =
  (...ends: readonly End[]) =>
  ({ end }: Cell): boolean =>
    !ends.includes(end);
const isOne =
  (...ends: readonly End[]) =>
  ({ end }: Cell): boolean =>
    ends.includes(end);
const isRefuse = ({ mode }: Cell): boolean => mode === 'refuse';
const CONFLICTS = among(
  'reference that an undo would break',
  'unique value that somebody took',
  'two attempts that need each other',
  'open attempt',
);
const DOUBTS = among('unknown outcome', 'contested outcome', 'withheld report');
const RUNS = among('write between plan and run', 'killed worker');
const WITHOUT_EFFECTS = among('no edge', 'outcome settled by a person', 'forged report', 'late events', 'clock skew of hours');

interface Reason {
  readonly is: (cell: Cell) => boolean;
  readonly text: string;
}

/** Cells that an edge cannot reach, and why. Ends in no column are reached by no edge. */
const IMPOSSIBLE: readonly Reason[] = [
  {
    is: (cell) => among('no edge')(cell) && isNot('fully restored', 'nothing')(cell),
    text: 'no edge × any end but fully restored, nothing: nothing is in the way, nothing is unknown.',
  },
  {
    is: (cell) => isRefuse(cell) && (among('later write of an agent')(cell) || CONFLICTS(cell)) && isNot('refused')(cell),
    text: 'later write of an agent, reference, unique value, two attempts that need each other, open attempt × refuse × any end but refused: each is a conflict of the plan.',
  },
  {
    is: (cell) => among('later write of an agent')(cell) && cell.mode === 'skip' && isOne('fully restored', 'unverified')(cell),
    text: 'later write of an agent × skip × fully restored, unverified: the attempt before it stays.',
  },
  {
    is: (cell) => CONFLICTS(cell) && isOne('fully restored', 'unverified')(cell),
    text: 'reference, unique value, two attempts that need each other, open attempt × fully restored, unverified: no mode undoes such an attempt.',
  },
  {
    is: (cell) => DOUBTS(cell) && isOne('fully restored')(cell),
    text: 'unknown or contested outcome, withheld report × fully restored: only what the target recorded is known.',
  },
  {
    is: (cell) => RUNS(cell) && isOne('refused', 'nothing')(cell),
    text: 'write between plan and run, killed worker × refused, nothing: there was no run.',
  },
  {
    is: (cell) => isRefuse(cell) && isOne('nothing')(cell) && !WITHOUT_EFFECTS(cell),
    text: 'any edge of an attempt with effects × refuse × nothing: what cannot be undone refuses the plan, what can be has a step.',
  },
];
/** Ends that an edge has only beside another one, for which they are counted. */
const BESIDE: readonly Reason[] = [
  {
    is: (cell) => isRefuse(cell) && isOne('partly restored')(cell) && !among('outcome settled by a person')(cell),
    text: 'refuse × partly restored: the plan has no conflict, and a person says that an attempt did what nobody recorded. Counted for "outcome settled by a person".',
  },
];
const NEVER: readonly string[] = [
  'skip, cascade, force × refused: such a plan leaves conflicts out and runs the rest.',
  'skip, cascade, force × waits: a step that conflicts ends.',
];
export const IMPOSSIBLE_LINES: readonly string[] = [
  ...NEVER,
  ...IMPOSSIBLE.map(({ text }) => text),
  ...BESIDE.map(({ text }) => `Only beside another edge: ${text}`),
];

const isPossible = (cell: Cell): boolean => !IMPOSSIBLE.some(({ is }) => is(cell));
const isWanted = (cell: Cell): boolean => isPossible(cell) && !BESIDE.some(({ is }) => is(cell));

/** Possible cells with too few histories, the emptiest first; and impossible ones that were reached. */
export function wrongCells(counts: Counts): readonly string[] {
  const of = (cell: Cell): number => counts[keyOf(cell)] ?? 0;
  const few = CELLS.filter((cell) => isWanted(cell) && of(cell) < CELL_MIN).sort((a, b) => of(a) - of(b));
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
export const failureText = ({ seed, mode, mismatches }: Failure): string =>
  `npm run test:model -- --only ${seed}${mode === undefined ? '' : ` --mode ${mode}`}\n  ${mismatches.join('\n  ')}`;
export const realFailureText = ({ seed, text }: { readonly seed: number; readonly text: string }): string =>
  `npm run test:model -- --only ${seed} --real 1\n  ${text}`;

interface Failure {
  readonly seed: number;
  readonly mode: Mode | undefined;
  readonly mismatches: readonly string[];
}
