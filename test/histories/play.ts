import type { Client } from 'pg';
import type { Alter, Script, Step, Transaction } from './elements.ts';
import { tablesOf } from './kinds.ts';
import { type Effect, effectsBetween, type Names, type Rows, readRows } from './record.ts';
import { type TableModel, tableOf } from './schema.ts';
import type { Op } from './statements.ts';

/** A transaction, as it was recorded while it ran. */
export interface Recorded {
  readonly transaction: number;
  /** `agent/n` if it named that attempt; `login/transaction` if it is an attempt of its own, by an agent's login. Undefined: of a person. */
  readonly attempt: string | undefined;
  readonly xid: string | undefined;
  readonly effects: readonly Ordered[];
}
/** Effects of all transactions are numbered in the order in which their statements ran. */
export interface Ordered extends Effect {
  readonly at: number;
  /** Not captured: the capture was at its limit. */
  readonly lost?: true;
}
export interface Altered {
  readonly at: number;
  readonly alter: Alter;
}
export interface History {
  readonly script: Script;
  readonly names: Names;
  readonly committed: readonly Recorded[];
  readonly altered: readonly Altered[];
  /** When the capture had lost changes of a table. */
  readonly holes: readonly { readonly table: string; readonly at: number }[];
  /** The database after it all. */
  readonly end: Rows;
  /** Transactions that are still open, or prepared, when the undo starts. They commit after it. */
  readonly waiting: readonly Recorded[];
  /** Commits what waits. */
  finish(): Promise<void>;
}

/** How a history reaches the target and the ledger. */
export interface Players {
  readonly owner: Client;
  startNames(): Names;
  connect(transaction: Transaction): Promise<Client>;
  /** The transaction has ended: another one may use its connection. */
  release(transaction: Transaction, client: Client): void;
  /** The agent intends an attempt, before its first transaction. */
  intend(agent: number, attempt: number): Promise<void>;
  /** @returns false if the target refuses the name */
  name(client: Client, agent: number, attempt: number): Promise<boolean>;
  /** A login gives its transaction the name of an attempt of another login, which the target refuses. */
  usurp(client: Client, agent: number, attempt: number): Promise<void>;
  /** All transactions of the attempt have ended. */
  settle(agent: number, attempt: number, outcome: 'succeeded' | 'failed'): Promise<void>;
  /** Brings the capture to its limit, or back. */
  limit(reached: boolean): Promise<void>;
  /** A name for PREPARE TRANSACTION. */
  preparedName(transaction: number): string;
}

/** Names of today, and the tables that the history writes. */
interface Reading {
  readonly names: Names;
  readonly tables: readonly TableModel[];
  readonly version: number;
}

interface Open {
  readonly client: Client;
  readonly transaction: Transaction;
  readonly number: number;
  readonly effects: Ordered[];
  /** Number of effects at each savepoint. */
  readonly savepoints: number[];
  statements: number;
  named: boolean;
  /** Savepoints in which it got its name: one that is rolled back takes the name with it. */
  namedIn: number;
  /** What it saw after its last statement, if nobody has changed anything since. */
  seen: { readonly rows: Rows; readonly version: number } | undefined;
}

/** Plays one statement at a time; a statement that would wait for another transaction fails instead, and is taken back. */
export async function play(script: Script, players: Players): Promise<History> {
  const game = new Game(script, players);
  for (const step of script.steps) await game.take(step);
  return game.history();
}

class Game {
  readonly #script: Script;
  readonly #players: Players;
  readonly #names: Names;
  readonly #tables: readonly TableModel[];
  readonly #open = new Map<number, Open>();
  readonly #left: Open[] = [];
  readonly #begun = new Set<string>();
  /** Transactions that have begun, whatever became of them. */
  readonly #started = new Set<number>();
  readonly #committed: Recorded[] = [];
  readonly #waiting: Recorded[] = [];
  readonly #altered: Altered[] = [];
  readonly #holes: { table: string; at: number }[] = [];
  readonly #finishers: (() => Promise<void>)[] = [];
  #at = 0;
  /** Counts what makes other transactions see something else. */
  #version = 0;
  #limit: 'below' | 'reached' | 'ending' = 'below';

  constructor(script: Script, players: Players) {
    this.#script = script;
    this.#players = players;
    this.#names = players.startNames();
    this.#tables = tablesOf(script.kinds);
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'alter') {
      if (await alter(this.#players.owner, step.alter, this.#names)) this.#alterAt(step.alter);
    } else if (step.do === 'limit') await this.#setLimit(step.reached);
    else if (step.do === 'begin') await this.#begin(step.transaction);
    else {
      const one = this.#open.get(step.transaction) as Open;
      if (step.do === 'end') await this.#end(one);
      else await this.#inTransaction(one, step);
    }
    if (this.#limit === 'ending' && ![...this.#open.values()].some(({ effects }) => effects.some(({ lost }) => lost)))
      await this.#endLimit();
  }

  #alterAt(change: Alter): void {
    this.#altered.push({ at: this.#at++, alter: change });
    this.#version += 1;
  }

  async history(): Promise<History> {
    const finish = async () => {
      for (const finisher of this.#finishers) await finisher();
    };
    return {
      script: this.#script,
      names: this.#names,
      committed: this.#committed,
      altered: this.#altered,
      holes: this.#holes,
      waiting: this.#waiting,
      finish,
      end: await readRows(this.#players.owner, this.#names),
    };
  }

  async #begin(number: number): Promise<void> {
    const transaction = this.#script.transactions[number] as Transaction;
    const { actor } = transaction;
    if (actor.is === 'agent' && !this.#begun.has(`${actor.agent}/${actor.attempt}`)) {
      this.#begun.add(`${actor.agent}/${actor.attempt}`);
      await this.#players.intend(actor.agent, actor.attempt);
    }
    const client = await this.#players.connect(transaction);
    await client.query(`BEGIN; SET LOCAL lock_timeout = '25ms'`);
    const one: Open = {
      client,
      transaction,
      number,
      effects: [],
      savepoints: [],
      statements: 0,
      named: false,
      namedIn: 0,
      seen: undefined,
    };
    this.#open.set(number, one);
    this.#started.add(number);
    await nameIfDue(one, this.#players);
  }

  async #inTransaction(one: Open, step: Step): Promise<void> {
    const { client, savepoints } = one;
    if (step.do === 'op') {
      const reading = { names: this.#names, tables: this.#tables, version: this.#version };
      this.#at = await runOp(one, step.op, reading, this.#at, this.#limit !== 'below');
    } else if (step.do === 'savepoint') {
      savepoints.push(one.effects.length);
      await client.query(`SAVEPOINT s${savepoints.length}`);
    } else if (step.do === 'rollback to') {
      await client.query(`ROLLBACK TO SAVEPOINT s${savepoints.length}`);
      if (one.namedIn >= savepoints.length) one.named = false;
      one.effects.length = savepoints.pop() ?? 0;
      one.seen = undefined;
    } else if (step.do === 'release') {
      await client.query(`RELEASE SAVEPOINT s${savepoints.length}`);
      savepoints.pop();
      one.namedIn = Math.min(one.namedIn, savepoints.length);
    }
    await nameIfDue(one, this.#players);
  }

  async #end(one: Open): Promise<void> {
    const { client, transaction, number, effects } = one;
    const { actor, end } = transaction;
    this.#open.delete(number);
    this.#version += 1;
    const own = actor.is === 'person' ? undefined : `login/${number}`;
    const attempt = actor.is === 'agent' && one.named ? `${actor.agent}/${actor.attempt}` : own;
    const { rows } = await client.query('SELECT pg_current_xact_id_if_assigned()::text AS xid');
    const recorded = { transaction: number, attempt, xid: rows[0].xid as string | undefined, effects };
    if (end === 'die') await client.end();
    if (end === 'rollback' || end === 'commit') {
      await client.query(end);
      this.#players.release(transaction, client);
    }
    if (end === 'commit') this.#committed.push(recorded);
    if (end === 'open' || end === 'prepare') {
      this.#left.push(one);
      this.#waiting.push(recorded);
      const name = end === 'prepare' ? `PREPARED '${this.#players.preparedName(number)}'` : '';
      if (end === 'prepare') await client.query(name.replace('PREPARED', 'PREPARE TRANSACTION'));
      this.#finishers.push(async () => void (await client.query(`COMMIT ${name}`)));
    }
    await this.#settleIfDue(one);
  }

  /** The last of its transactions has ended, whatever came of it. */
  async #settleIfDue({ transaction: { actor, end }, number }: Open): Promise<void> {
    if (actor.is !== 'agent') return;
    const isSame = (other: Transaction['actor']) => other.is === 'agent' && other.agent === actor.agent && other.attempt === actor.attempt;
    if ([...this.#open.values(), ...this.#left].some(({ transaction }) => isSame(transaction.actor))) return;
    if (this.#script.transactions.some((other, n) => n > number && isSame(other.actor) && !this.#started.has(n))) return;
    await this.#players.settle(actor.agent, actor.attempt, end === 'commit' ? 'succeeded' : 'failed');
  }

  async #setLimit(reached: boolean): Promise<void> {
    if (reached) await this.#players.limit(true);
    this.#limit = reached ? 'reached' : 'ending';
  }

  async #endLimit(): Promise<void> {
    await this.#players.limit(false);
    this.#limit = 'below';
    const at = this.#at++;
    const lost = this.#committed.flatMap(({ effects }) => effects.filter((effect) => effect.lost));
    for (const table of new Set(lost.map((effect) => effect.table))) this.#holes.push({ table, at });
  }
}

async function nameIfDue(one: Open, players: Players): Promise<void> {
  const { actor, namedAfter, usurps } = one.transaction;
  if (actor.is !== 'agent' || one.named || one.statements < namedAfter) return;
  await one.client.query('SAVEPOINT naming');
  if (usurps) await players.usurp(one.client, actor.agent === 0 ? 1 : 0, 1);
  else one.named = await players.name(one.client, actor.agent, actor.attempt);
  one.namedIn = one.savepoints.length;
  await one.client.query(one.named ? 'RELEASE SAVEPOINT naming' : 'ROLLBACK TO SAVEPOINT naming');
  if (!one.named) one.statements = -1_000;
}

/** The row's table is captured, by whom it is written, and the capture is at its limit. */
async function runOp(one: Open, op: Op, { names, tables, version }: Reading, at: number, isFull: boolean): Promise<number> {
  const { client, seen } = one;
  one.statements += 1;
  const sql = sqlOf(op, names);
  if (sql === undefined) return at;
  const before = seen?.version === version ? seen.rows : await readRows(client, names, tables);
  let after: Rows;
  try {
    after = await readRows(client, names, tables, `SAVEPOINT statement; ${sql}; RELEASE SAVEPOINT statement`);
  } catch (error) {
    const { code } = error as { code?: string };
    // Class 23: constraints; 55P03: another transaction has the row; 53400: the capture is at its limit.
    if (code === undefined || !(code.startsWith('23') || ['55P03', '40P01', '53400'].includes(code))) throw error;
    await client.query('ROLLBACK TO SAVEPOINT statement');
    return at;
  }
  one.seen = { rows: after, version };
  const moves = op.kind === 'update' && tableOf(op.table).key.some((column) => column in op.set);
  for (const effect of effectsBetween(before, after)) {
    one.effects.push({
      ...effect,
      written: writtenBy(op, effect),
      at,
      ...(moves && effect.table === op.table && effect.after === undefined && { moved: true }),
      ...(isFull && { lost: true }),
    });
  }
  return at + 1;
}

/** A row of another table that is as it was, in a new version: a trigger changed its counter and changed it back. */
function writtenBy(op: Op, { table, before, after, written }: Effect): ReadonlySet<string> {
  const isBack =
    table !== op.table && before !== undefined && after !== undefined && [...before].every(([name, value]) => after.get(name) === value);
  const counters = tableOf(table)
    .columns.filter(({ unwritten }) => unwritten)
    .map(({ name }) => name);
  return isBack && counters.length > 0 ? new Set(counters) : written;
}

const literal = (value: string | null): string => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`);

/** Under today's names. Undefined: it needs a column that was dropped. */
function sqlOf({ table, kind, key, set }: Op, names: Names): string | undefined {
  const tableNow = [...names.tables].find(([, first]) => first === table)?.[0] ?? table;
  const nowOf = (column: string) => [...names.columns].find(([, first]) => first === column)?.[0].split('.')[1] ?? column;
  const dropped = names.columns.has(`${table}.-`) ? 'c' : '';
  const isThere = (column: string) => column !== dropped && (column !== 'd' || names.columns.has('changing.d'));
  const sets = Object.entries(set).filter(([column]) => table !== 'changing' || isThere(column));
  if (sets.length === 0 && kind !== 'delete') return undefined;
  const where = Object.entries(key).map(([column, value]) => `${nowOf(column)} = ${literal(value)}`);
  const assignments = sets.map(([column, value]) => `${nowOf(column)} = ${literal(value)}`).join(', ');
  const all = [...Object.entries(key), ...sets];
  const insert = `INSERT INTO ${tableNow} (${all.map(([column]) => nowOf(column)).join(', ')}) VALUES (${all.map(([, value]) => literal(value)).join(', ')})`;
  if (kind === 'insert') return insert;
  if (kind === 'upsert') return `${insert} ON CONFLICT (${tableOf(table).key.join(', ')}) DO UPDATE SET ${assignments}`;
  if (kind === 'delete') return `DELETE FROM ${tableNow} WHERE ${where.join(' AND ')}`;
  return `UPDATE ${tableNow} SET ${assignments}${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`}`;
}

/** @returns false if an open transaction is in its way */
async function alter(owner: Client, change: Alter, names: Names): Promise<boolean> {
  try {
    await alterNow(owner, change, names);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === '55P03') return false;
    throw error;
  }
}

async function alterNow(owner: Client, change: Alter, names: Names): Promise<void> {
  const table = [...names.tables].find(([, first]) => first === 'changing')?.[0] ?? 'changing';
  const now = (column: string) => [...names.columns].find(([, first]) => first === column)?.[0].split('.')[1] ?? column;
  if (change.kind === 'add') {
    await owner.query(`ALTER TABLE ${table} ADD COLUMN ${change.column} int DEFAULT ${change.value}`);
    names.columns.set(`changing.${change.column}`, change.column);
  } else if (change.kind === 'drop') {
    await owner.query(`ALTER TABLE ${table} DROP COLUMN ${now(change.column)}`);
    names.columns.set('changing.-', '-');
  } else if (change.kind === 'move') {
    await owner.query(`ALTER TABLE ${table} RENAME TO ${table}_${change.to}`);
    names.tables.delete(table);
    names.tables.set(`${table}_${change.to}`, 'changing');
  } else if (change.kind === 'retype') await owner.query(`ALTER TABLE ${table} ALTER COLUMN ${now(change.column)} TYPE bigint`);
  else {
    await owner.query(`ALTER TABLE ${table} RENAME COLUMN ${change.column} TO ${change.to}`);
    names.columns.set(`changing.${change.to}`, change.column);
  }
}
