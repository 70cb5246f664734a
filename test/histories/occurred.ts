/** What happened in a history: a cell of the table counts for a kind only where it did, whatever the history was drawn for. Imports no product code. */

import { needsOf } from './dependents.ts';
import type { Actor, Says, Step, Transaction } from './elements.ts';
import { ALL_KINDS, type Kind, TABLE_KINDS, tablesOfKind } from './kinds.ts';
import { worldOf } from './oracle.ts';
import type { History, Ordered, Recorded } from './play.ts';

interface Played {
  readonly history: History;
  /** Transactions that committed, or that are open at the undo, with effects. */
  readonly writing: readonly (Recorded & { readonly by: Transaction })[];
  readonly effects: readonly Ordered[];
}
type Happened = (played: Played) => boolean;

/** An agent said one of these of an attempt. */
const said =
  (...words: readonly Says[]): Happened =>
  ({ history }) =>
    [...history.script.says.values()].some((word) => words.includes(word));

/** A transaction that wrote something has such a step. */
const step =
  (is: (step: Step) => boolean): Happened =>
  ({ history, writing }) =>
    history.script.steps.some(
      (one) => is(one) && 'transaction' in one && writing.some(({ transaction }) => transaction === one.transaction),
    );

const wrote =
  (is: (actor: Actor) => boolean): Happened =>
  ({ writing }) =>
    writing.some(({ by }) => is(by.actor));

const isEqual = ({ before, after }: Ordered): boolean =>
  before !== undefined && after !== undefined && [...before].every(([column, value]) => after.get(column) === value);

const HAPPENED: Readonly<Partial<Record<Kind, Happened>>> = {
  'ALTER in between': ({ history }) => history.altered.length > 0,
  'key changes': ({ effects }) => effects.some(({ moved }) => moved),
  'equal and blind writes': (played) => played.effects.some(isEqual) || step((one) => one.do === 'op' && one.op.kind === 'blind')(played),
  upserts: step((one) => one.do === 'op' && one.op.kind === 'upsert'),
  savepoints: step((one) => one.do === 'savepoint'),
  'long and interleaved transactions': areInterleaved,
  'unnamed logins': ({ writing }) => writing.some(({ by, attempt }) => by.actor.is === 'person' || attempt?.startsWith('login/')),
  'agent by role': wrote(({ is }) => is === 'role'),
  'shared login': (played) => [1, 2].every((agent) => wrote((actor) => actor.is === 'agent' && actor.agent === agent)(played)),
  'agent that dies': (played) =>
    said('no end', 'no end yet')(played) || played.history.script.transactions.some(({ end }) => end === 'die'),
  'back-dated name': ({ writing }) => writing.some(({ by, attempt }) => by.namedAfter > 0 && !attempt?.startsWith('login/')),
  'prepared and idle transactions': ({ history }) => history.waiting.length > 0,
  'agent that withholds': said('nothing', 'miscounted'),
  'agent that forges': said('invented', 'both'),
  'key revoked midway': said('revoked'),
  'agent that is not believed': ({ history }) => history.script.transactions.some(({ actor, usurps }) => actor.is === 'agent' && usurps),
  'mutual dependents': areMutual,
  'agent of the SDK': said('sdk'),
  'transaction pooler': ({ history }) => history.script.kinds.has('transaction pooler'),
  'capture at its limit': isFullForAStatement,
};

/** Kinds by tables happened where a statement or a trigger changed one of their tables. */
export function kindsIn(history: History): readonly Kind[] {
  const { transactions } = history.script;
  const writing = [...history.committed, ...history.waiting]
    .filter(({ effects }) => effects.length > 0)
    .map((one) => ({ ...one, by: transactions[one.transaction] as Transaction }));
  const effects = writing.flatMap((one) => one.effects);
  const written = new Set(effects.map(({ table }) => table));
  const isWritten = (kind: Kind) => !(kind in TABLE_KINDS) || tablesOfKind(kind).some((table) => written.has(table));
  return ALL_KINDS.filter((kind) => isWritten(kind) && (HAPPENED[kind]?.({ history, writing, effects }) ?? true));
}

function areInterleaved({ history: { script }, writing }: Played): boolean {
  const open = new Set<number>();
  return script.steps.some((one) => {
    if (one.do === 'begin' && writing.some(({ transaction }) => transaction === one.transaction)) open.add(one.transaction);
    if (one.do === 'end') open.delete(one.transaction);
    return open.size > 1;
  });
}

/** Each of two attempts has to be undone before the other. */
function areMutual({ history, writing }: Played): boolean {
  const needs = needsOf(worldOf(history, false), new Set(writing.flatMap(({ attempt }) => attempt ?? [])));
  return [...needs].some(([attempt, { first }]) => [...first].some((other) => needs.get(other)?.first.has(attempt)));
}

function isFullForAStatement({ history: { script } }: Played): boolean {
  let isFull = false;
  return script.steps.some((one) => {
    if (one.do === 'limit') isFull = one.reached;
    return isFull && one.do === 'op';
  });
}
