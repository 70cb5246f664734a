/** Plays a script in memory, statement by statement, as `test/histories/play.ts` does on PostgreSQL. Imports no product code. */
import type { Script, Step, Transaction } from '../histories/elements.ts';
import type { History, Ordered, Recorded } from '../histories/play.ts';
import { startNames } from '../histories/record.ts';
import { Database, type Transaction as Session, tableOfRow } from './memory/database.ts';

export interface Listener {
  /** An agent intends an attempt, before its first transaction. */
  intend(agent: number, attempt: number): void;
  /** All transactions of the attempt have ended. */
  settle(agent: number, attempt: number, outcome: 'succeeded' | 'failed'): void;
  commit(recorded: Recorded, transaction: Transaction): void;
}

interface Open {
  session: Session;
  readonly number: number;
  readonly transaction: Transaction;
  readonly effects: Ordered[];
  readonly savepoints: { readonly effects: number; readonly own: Session['own']; readonly locks: Session['locks'] }[];
  statements: number;
  named: boolean;
  namedIn: number;
}

export function playInMemory(script: Script, listener: Listener): { readonly history: History; readonly database: Database } {
  const game = new Game(script, listener);
  for (const step of script.steps) game.take(step);
  return { history: game.history(), database: game.database };
}

class Game {
  readonly database = new Database();
  readonly #script: Script;
  readonly #listener: Listener;
  readonly #open = new Map<number, Open>();
  readonly #begun = new Set<string>();
  readonly #started = new Set<number>();
  readonly #committed: Recorded[] = [];
  #at = 0;

  constructor(script: Script, listener: Listener) {
    this.#script = script;
    this.#listener = listener;
  }

  take(step: Step): void {
    if (step.do === 'limit' || step.do === 'alter') throw new Error(`not modelled: ${step.do}`);
    const one = this.#open.get(step.transaction);
    if (one === undefined) this.#begin(step.transaction);
    else if (step.do === 'end') this.#end(one);
    else this.#inTransaction(one, step);
  }

  #inTransaction(one: Open, step: Step): void {
    const { session, savepoints } = one;
    if (step.do === 'op') this.#run(one, step);
    else if (step.do === 'savepoint')
      savepoints.push({ effects: one.effects.length, own: new Map(session.own), locks: new Map(session.locks) });
    else {
      const last = savepoints.pop();
      if (step.do === 'release') one.namedIn = Math.min(one.namedIn, savepoints.length);
      else if (last !== undefined) {
        if (one.namedIn > savepoints.length) one.named = false;
        one.effects.length = last.effects;
        Object.assign(session, { own: last.own, locks: last.locks });
      }
    }
    nameIfDue(one);
  }

  history(): History {
    const rows = [...this.database.rows].map(([row, cells]) => [row, { table: tableOfRow(row).name, version: '', cells }] as const);
    return {
      script: this.#script,
      names: startNames('changing'),
      committed: this.#committed,
      altered: [],
      holes: [],
      waiting: [],
      end: new Map(rows),
      finish: async () => undefined,
    };
  }

  #begin(number: number): void {
    const transaction = this.#script.transactions[number] as Transaction;
    const { actor } = transaction;
    if (actor.is === 'agent' && !this.#begun.has(`${actor.agent}/${actor.attempt}`)) {
      this.#begun.add(`${actor.agent}/${actor.attempt}`);
      this.#listener.intend(actor.agent, actor.attempt);
    }
    const session = this.database.begin();
    const one: Open = { session, number, transaction, effects: [], savepoints: [], statements: 0, named: false, namedIn: 0 };
    this.#open.set(number, one);
    this.#started.add(number);
    nameIfDue(one);
  }

  #run(one: Open, { op }: Step & { do: 'op' }): void {
    one.statements += 1;
    const effects = this.database.run(one.session, op);
    if (effects === undefined) return;
    one.effects.push(...effects.map((effect) => ({ ...effect, at: this.#at })));
    this.#at += 1;
  }

  #end(one: Open): void {
    const { transaction, number, session, effects, named } = one;
    const { actor, end } = transaction;
    this.#open.delete(number);
    if (end !== 'commit') this.database.rollback(session);
    else {
      this.database.commit(session);
      const own = actor.is === 'person' ? undefined : `login/${number}`;
      const attempt = actor.is === 'agent' && named ? `${actor.agent}/${actor.attempt}` : own;
      const recorded = { transaction: number, attempt, xid: `${700 + number}`, effects };
      this.#committed.push(recorded);
      this.#listener.commit(recorded, transaction);
    }
    this.#settleIfDue(one);
  }

  #settleIfDue({ transaction: { actor, end }, number }: Open): void {
    if (actor.is !== 'agent') return;
    const isSame = (other: Transaction['actor']) => other.is === 'agent' && other.agent === actor.agent && other.attempt === actor.attempt;
    if ([...this.#open.values()].some(({ transaction }) => isSame(transaction.actor))) return;
    if (this.#script.transactions.some((other, n) => n > number && isSame(other.actor) && !this.#started.has(n))) return;
    this.#listener.settle(actor.agent, actor.attempt, end === 'commit' ? 'succeeded' : 'failed');
  }
}

function nameIfDue(one: Open): void {
  const { actor, namedAfter, usurps } = one.transaction;
  if (actor.is !== 'agent' || one.named || one.statements < namedAfter) return;
  one.named = !usurps;
  one.namedIn = one.savepoints.length;
  if (!one.named) one.statements = -1_000;
}
