/**
 * Short histories about one edge each, for those that seldom happen by chance: what an agent did, what somebody did to it later, and often another attempt that nothing hinders. Imports
 * no product code.
 */
import type { Actor, Says, Script, Selection, Transaction } from '../histories/elements.ts';
import type { Kind } from '../histories/kinds.ts';
import { inTurn } from '../histories/prelude.ts';
import { type Random, randomOf } from '../histories/random.ts';
import type { Op } from '../histories/statements.ts';

/** Kinds of the tables that the database in memory has. */
export const TABLES: readonly Kind[] = [
  'plain rows',
  'composite key',
  'cascade into a captured table, counter',
  'set null on delete',
  'numeric key',
  'citext key',
  'partitions',
  'unique column',
];

const update = (table: string, id: number, set: Op['set']): Op => ({ table, kind: 'update', key: { id: `${id}` }, set });
const insert = (table: string, id: number, set: Op['set']): Op => ({ table, kind: 'insert', key: { id: `${id}` }, set });
const remove = (table: string, id: number): Op => ({ table, kind: 'delete', key: { id: `${id}` }, set: {} });
/** A value that the start does not have. */
const fresh = (random: Random): string => String(3 + random.below(5));

/** Statements of the attempt and, after it, of somebody else. */
type Pair = (random: Random) => readonly [first: Op, later: Op];
/** A row with others that refer to it goes, or gets another key; one of them is changed after that. */
const ofContainer: Pair = (random) => {
  const id = 2 + random.below(3);
  const [isParent, isRemoved] = [random.chance(50), random.chance(50)];
  const table = isParent ? 'parent' : 'boss';
  const first = isRemoved ? remove(table, id) : update(table, id, { id: '6' });
  if (!isParent) return [first, update('worker', id, { boss_id: '1' })];
  return [first, isRemoved ? insert('child', id, { parent_id: '1', v: fresh(random) }) : update('child', id, { parent_id: '1' })];
};
/** Back to what it was: nothing is left to undo, and the later write stays. */
const backAgain: Pair = (random) => [update('item', 1, { qty: fresh(random) }), update('item', 1, { qty: '0' })];
const PAIRS: readonly Pair[] = [
  (random) => [update('item', 1, { qty: fresh(random) }), update('item', 1, { qty: fresh(random), price: '1' })],
  backAgain,
  backAgain,
  () => [update('item', 2, { price: '5' }), update('item', 2, { price: '5' })],
  (random) => [insert('item', 5, { qty: '1', price: '1' }), update('item', 5, { note: random.of(['x', 'y']) })],
  (random) => [insert('item', 6, { qty: '1', note: 'made' }), update('item', 6, { price: fresh(random) })],
  (random) => [update('item', 3, { qty: fresh(random) }), remove('item', 3)],
  (random) => [insert('item', 5, { qty: fresh(random) }), remove('item', 5)],
  (random) => [update('item', 4, { id: '6' }), update('item', 6, { qty: fresh(random) })],
  (random) => [update('item', 4, { qty: fresh(random) }), update('item', 4, { id: '6' })],
  ofContainer,
  ofContainer,
  ofContainer,
  ofContainer,
  ofContainer,
  ofContainer,
  // The undo would remove a row that others refer to, or bring one back that refers to nothing.
  (random) => [insert('parent', 5, { title: 'new' }), insert('child', 5, { parent_id: '5', v: fresh(random) })],
  (random) => [insert('boss', 5, { v: '1' }), update('worker', 1 + random.below(4), { boss_id: '5' })],
  () => [remove('child', 1), remove('parent', 1)],
  () => [update('worker', 2, { boss_id: '3' }), remove('boss', 2)],
  // The undo would need a unique value that somebody took.
  () => [update('named', 1, { u: 'free' }), update('named', 2, { u: 'u1' })],
  () => [remove('named', 3), insert('named', 6, { u: 'u3', v: '0' })],
];

const WORDS: readonly Says[] = [
  'truth',
  'truth',
  'truth',
  'truth',
  'truth',
  'failed',
  'nothing',
  'invented',
  'both',
  'miscounted',
  'no end',
  'no end',
  'revoked',
  'no end yet',
];

const agent = (number: number, attempt: number): Actor => ({ is: 'agent', agent: number, attempt });

/** A person's write is in an undo's way unless it put back what was there. */
const BACK_AGAIN_PERCENT = 50;

interface Cast {
  readonly acts: readonly (readonly [Actor, Op])[];
  /** Who comes later stays, mostly. */
  readonly stays: string;
  readonly isMutual: boolean;
}

/** Every second seed. */
export const isScenario = (seed: number): boolean => seed % 2 === 0;

export function drawScenario(seed: number): Script {
  const random = randomOf(seed);
  const { acts, stays, isMutual } = drawCast(random);
  const transactions = acts.map(([actor]): Transaction => ({ actor, namedAfter: 0, end: 'commit', usurps: false }));
  const attempts = [...new Set(acts.flatMap(([actor], n) => nameOf(actor, n) ?? []))];
  return {
    seed,
    kinds: new Set(TABLES),
    transactions,
    steps: inTurn(transactions, (n) => (acts[n] as readonly [Actor, Op])[1]),
    says: new Map(
      attempts
        .filter((attempt) => !attempt.startsWith('login/'))
        .map((attempt) => [attempt, random.of(isIdle(attempt) ? IDLE_WORDS : WORDS)]),
    ),
    selection: drawSelection(random, attempts, stays, isMutual),
    withoutOpen: true,
    accepts: true,
  };
}

function drawCast(random: Random): Cast {
  const one: Actor = random.chance(12) ? { is: 'role' } : agent(0, 1);
  const later: Actor = random.of<Actor>([agent(1, 1), agent(1, 1), agent(1, 1), { is: 'role' }, { is: 'person' }, { is: 'person' }]);
  const pair = later.is === 'person' && random.chance(BACK_AGAIN_PERCENT) ? backAgain : random.of(PAIRS);
  const [first, second] = pair(random);
  const isMutual = one.is === 'agent' && later.is === 'agent' && random.chance(25);
  const acts: (readonly [Actor, Op])[] = [
    [one, first],
    [later, second],
  ];
  // Each needs the other to be undone first.
  if (isMutual) acts.push([one, second]);
  if (random.chance(60))
    acts.push([agent(2, 1), { table: 'line', kind: 'update', key: { id: '1', pos: '1' }, set: { qty: fresh(random) } }]);
  if (random.chance(46)) acts.push([IDLE, update('item', 9, { qty: '1' })]);
  return { acts, stays: nameOf(later, 1) ?? '', isMutual };
}

/** There is no such row. */
const IDLE = agent(2, 2);
const isIdle = (attempt: string): boolean => attempt === nameOf(IDLE, 0);
const IDLE_WORDS: readonly Says[] = ['truth', 'no end', 'no end', 'invented'];

/** The history's name of the attempt of a transaction. Undefined: a person's. */
const nameOf = (actor: Actor, transaction: number): string | undefined => {
  if (actor.is === 'person') return undefined;
  return actor.is === 'role' ? `login/${transaction}` : `${actor.agent}/${actor.attempt}`;
};

function drawSelection(random: Random, attempts: readonly string[], stays: string, isMutual: boolean): Selection {
  if (attempts.some(isIdle) && random.chance(26)) return { by: 'attempts', attempts: attempts.filter(isIdle) };
  const isWith = random.chance(isMutual ? 80 : 35);
  if (isWith && random.chance(50)) return { by: 'everything' };
  return { by: 'attempts', attempts: attempts.filter((attempt) => isWith || attempt !== stays) };
}
