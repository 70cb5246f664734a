/** What happens in a history beside its transactions: drawn from its seed. Imports no product code. */
import type { Mode, Says, Script } from '../histories/elements.ts';
import type { Facts } from '../histories/expect.ts';
import type { History, Ordered } from '../histories/play.ts';
import { type Random, randomOf } from '../histories/random.ts';
import { tableOf } from '../histories/schema.ts';
import { isScenario } from './scenario.ts';

const HOUR_MS = 3_600_000;
/** When the agents start, by a right clock, and the ledger a minute later: milliseconds since 1970, UTC. */
export const START_MS = Date.parse('2026-01-05T08:00:00Z');
export const LEDGER_START_MS = START_MS + 60_000;
/** Milliseconds within which an attempt has to end. */
const [LATE_LATER, LATE_AT_ONCE] = [HOUR_MS, 1];
export const deadlineMsOf = (says: Says): number => (says === 'no end' || says === 'revoked' ? LATE_AT_ONCE : LATE_LATER);
const SILENT: readonly Says[] = ['no end', 'no end yet', 'revoked'];

export interface Twist {
  /** Of each agent's clock, in milliseconds. */
  readonly skewMs: readonly number[];
  /** Events reach the ledger in another order than they happened: those of one source stay in theirs. */
  readonly order: Random | undefined;
  /** What a person says about attempts of which nobody knows how they ended, and what their agents say after that. */
  readonly words: ReadonlyMap<string, { readonly ruled: 'succeeded' | 'failed'; readonly then?: 'succeeded' | 'failed' }>;
  /** When a person writes a row of what is undone. Undefined: nobody does. */
  readonly late: 'before the run' | 'before its first write' | undefined;
  /** At which of its writes and failpoints the worker is killed. */
  readonly killedAfter: number | undefined;
}

/** Histories in which a person writes between plan and run. */
const LATE_PERCENT = { scenario: 60, drawn: 38 };

export function drawTwist(script: Script): Twist {
  const random = randomOf(script.seed * 7 + 3);
  const isSkewed = random.chance(25);
  const skewMs = [0, 1, 2].map(() => (isSkewed ? (random.below(13) - 6) * HOUR_MS : 0));
  // A person can settle only what is past its deadline, and an agent can say something only with a key.
  const isUnknown = (attempt: string) => (skewMs[Number(attempt.split('/')[0])] ?? 0) <= 0;
  const silent = [...script.says].filter(([attempt, says]) => (says === 'no end' || says === 'revoked') && isUnknown(attempt));
  return {
    skewMs,
    order: random.chance(25) ? random : undefined,
    words: new Map(
      silent
        .filter(() => random.chance(75))
        .map(([attempt, says]) => {
          const ruled = random.of(['succeeded', 'failed'] as const);
          const then = ruled === 'failed' ? 'succeeded' : 'failed';
          return [attempt, { ruled, ...(says === 'no end' && random.chance(60) && { then }) }] as const;
        }),
    ),
    late: random.chance(isScenario(script.seed) ? LATE_PERCENT.scenario : LATE_PERCENT.drawn)
      ? random.of(['before the run', 'before its first write'] as const)
      : undefined,
    killedAfter: random.chance(30) ? 1 + random.below(12) : undefined,
  };
}

/**
 * What is known of attempts without an end, given what a person said of them and what their clocks say: before its deadline, by its agent's clock, an attempt is open.
 * Nothing settles an attempt whose key is revoked. A person's word ends an attempt, unless the agent says something else after that.
 */
export function factsWith(facts: ReadonlyMap<string, Facts>, { script }: History, { words, skewMs }: Twist): ReadonlyMap<string, Facts> {
  const endOf = (attempt: string, fact: Facts): Facts['end'] => {
    const says = script.says.get(attempt);
    if (says === undefined || !SILENT.includes(says)) return fact.end;
    const word = words.get(attempt);
    if (word?.then !== undefined) return 'unclear';
    if (word !== undefined) return word.ruled === 'failed' ? 'ended' : 'stays';
    if (says === 'revoked') return 'unclear';
    return START_MS + (skewMs[fact.agent ?? 0] ?? 0) + deadlineMsOf(says) > LEDGER_START_MS ? 'open' : 'unclear';
  };
  return new Map([...facts].map(([attempt, fact]) => [attempt, { ...fact, end: endOf(attempt, fact) }]));
}

/** Percent of late writes of a column that the attempt wrote: the others are in nobody's way. */
const SAME_COLUMN_PERCENT = 80;

/** Of one row that an attempt of the plan changed, and that is there: another value in one of its columns. */
export function lateWrite(
  { script, committed, end }: Pick<History, 'script' | 'committed' | 'end'>,
  order: readonly string[],
  mode: Mode,
): Ordered | undefined {
  const written = committed
    .filter(({ attempt }) => attempt !== undefined && order.includes(attempt))
    .flatMap(({ effects }) => effects.filter(({ row }) => end.has(row)));
  if (written.length === 0) return undefined;
  const random = randomOf(script.seed * 11 + MODES.indexOf(mode));
  const { row, table, written: own } = random.of(written);
  const cells = end.get(row)?.cells ?? new Map();
  const model = tableOf(table);
  const columns = model.columns.filter(({ name, references, unwritten }) => !model.key.includes(name) && !references && !unwritten);
  const same = columns.filter(({ name }) => own.has(name));
  const column = random.of(same.length > 0 && random.chance(SAME_COLUMN_PERCENT) ? same : columns);
  const value = column.type === 'text' ? `late${random.below(2)}` : String(7 + random.below(2));
  const at = 1 + Math.max(...committed.flatMap(({ effects }) => effects.map((effect) => effect.at)));
  return { row, table, before: cells, after: new Map([...cells, [column.name, value]]), written: new Set([column.name]), at };
}

export const MODES: readonly Mode[] = ['refuse', 'skip', 'cascade', 'force'];
