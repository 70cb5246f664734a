import type { Expected } from './expect.ts';
import type { Undone } from './mismatches.ts';
import type { History, Recorded } from './play.ts';
import type { Cells } from './record.ts';

/** All of one history, what the oracle expects of its undo, and what the product made of it: for `--explain`. */
export function explain({ script, committed, waiting, altered, holes }: History, expected: Expected, undone: Undone): string {
  const { seed, kinds, selection, accepts, withoutOpen, says, transactions } = script;
  return [
    `history ${seed}: ${[...kinds].join(', ')}`,
    `selection ${JSON.stringify(selection)}${accepts ? ', losses accepted' : ''}${withoutOpen ? ', without open transactions' : ''}`,
    ...[...says].map(([attempt, what]) => `  attempt ${attempt} says: ${what}`),
    ...transactions.map((transaction, n) => `  transaction ${n}: ${JSON.stringify(transaction)}`),
    ...committed.flatMap((one) => effectLines('committed', one)),
    ...waiting.flatMap((one) => effectLines('waiting', one)),
    ...altered.map(({ at, alter }) => `  @${at} ${JSON.stringify(alter)}`),
    ...holes.map(({ at, table }) => `  @${at} changes of ${table} were lost before`),
    'expected:',
    ...[...expected.attempts].map(([attempt, { outcome, because }]) => `  ${attempt} ${outcome} (${because.join('; ')})`),
    `found (${undone.verdict ?? undone.code}):`,
    ...[...undone.attempts].map(([attempt, { outcome, why }]) => `  ${attempt} ${outcome} (${why})`),
  ].join('\n');
}

const effectLines = (state: string, { transaction, attempt, effects }: Recorded): string[] =>
  effects.map(
    ({ at, row, before, after, written, lost }) =>
      `  @${at} ${state} ${transaction} (${attempt ?? 'person'}): ${row} ${textOf(before)} to ${textOf(after)}, wrote ${[...written].join(', ')}${lost ? ', lost' : ''}`,
  );

const textOf = (cells: Cells | undefined): string => (cells === undefined ? 'no row' : JSON.stringify([...cells.values()]));
