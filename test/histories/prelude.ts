/**
 * What comes before a history for kinds that seldom happen by chance: transactions of one statement each, whose attempts nobody selects in histories that are drawn
 * towards an end without a conflict. Nothing that comes later is in their way, nor are they in the way of what comes later.
 */

import type { Actor, Says, Step, Transaction } from './elements.ts';
import type { Kind } from './kinds.ts';
import type { Random } from './random.ts';
import { tableOf } from './schema.ts';
import { assign, type Op, startKey } from './statements.ts';

export interface Prelude {
  readonly transactions: readonly Transaction[];
  readonly steps: readonly Step[];
  readonly says: ReadonlyMap<string, Says>;
}

export const LIES: Readonly<Partial<Record<Kind, readonly Says[]>>> = {
  'agent that dies': ['no end yet', 'no end'],
  'agent that withholds': ['nothing', 'miscounted'],
  'agent that forges': ['invented', 'both'],
  'key revoked midway': ['revoked'],
};
const WORDS: Readonly<Partial<Record<Kind, readonly Says[]>>> = { ...LIES, 'agent of the SDK': ['sdk'] };
/** Numbers of attempts that nothing else in a history has. */
const [FIRST_OF_PRELUDE, AFTER_PRELUDE] = [80, 90];
export const isOfPrelude = ({ actor }: Transaction): boolean =>
  actor.is === 'agent' && actor.attempt >= FIRST_OF_PRELUDE && actor.attempt < AFTER_PRELUDE;

/** @param mutual percent of histories of mutual dependents that begin with a pair of them */
export function drawPrelude(
  random: Random,
  kinds: ReadonlySet<Kind>,
  { mutual, words }: { readonly mutual: number; readonly words: number },
): Prelude {
  const says = new Map<string, Says>();
  const agents: number[] = [];
  const attempt = (agent: number, number: number): Actor & { is: 'agent' } => ({ is: 'agent', agent, attempt: FIRST_OF_PRELUDE + number });
  const actors: Actor[] = [];
  const ops: Op[] = [];
  const item = tableOf('item');
  const open = item.columns.filter(({ name, unwritten }) => !item.key.includes(name) && !unwritten);
  for (const said of [...kinds].flatMap((kind) => (random.chance(words) ? random.of(WORDS[kind] ?? [undefined]) : undefined) ?? [])) {
    const actor = attempt(random.below(2), 1 + agents.length);
    agents.push(actor.agent);
    says.set(`${actor.agent}/${actor.attempt}`, said);
    actors.push(actor);
    ops.push({ table: item.name, kind: 'update', key: startKey(item, 1 + random.below(4)), set: assign(random, item, [random.of(open)]) });
  }
  if (kinds.has('mutual dependents') && random.chance(mutual)) {
    const pair = [attempt(0, 0), attempt(1, 0), attempt(0, 0)];
    const [key, column] = [startKey(item, 1 + random.below(4)), random.of(open)];
    for (const actor of pair) {
      says.set(`${actor.agent}/${actor.attempt}`, 'truth');
      actors.push(actor);
      ops.push({ table: item.name, kind: 'update', key, set: assign(random, item, [column]) });
    }
  }
  const transactions = actors.map((actor): Transaction => ({ actor, end: 'commit', namedAfter: 0, usurps: false }));
  return { transactions, steps: inTurn(transactions, (n) => ops[n] as Op), says };
}

/** Transactions one after the other, of one statement each. */
export const inTurn = (transactions: readonly Transaction[], opOf: (transaction: number) => Op): Step[] =>
  transactions.flatMap((_, transaction): Step[] => [
    { do: 'begin', transaction },
    { do: 'op', transaction, op: opOf(transaction) },
    { do: 'end', transaction },
  ]);

/** The steps of a history whose transactions come after this many others. */
export const after = (count: number, steps: readonly Step[]): Step[] =>
  steps.map((step) => ('transaction' in step ? { ...step, transaction: step.transaction + count } : step));
