import type { Client } from 'pg';
import { type Effect, effectsBetween, type Names, type Rows, readRows, startNames } from './record.ts';
import { type TableModel, tableOf } from './schema.ts';
import { type Alter, type Op, type Script, type Step, type Transaction, tablesOf } from './script.ts';

/** A committed transaction, as it was recorded while it ran. */
export interface Recorded {
  readonly transaction: number;
  /** Attempt `agent/n` that it named. Undefined: its login's own. */
  readonly attempt: string | undefined;
  readonly effects: readonly Ordered[];
}
/** Effects of all transactions are numbered in the order in which their statements ran. */
export interface Ordered extends Effect {
  readonly at: number;
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
  /** The database after it all. */
  readonly end: Rows;
  /** Transactions that are still open, or prepared, when the undo starts. They commit after it. */
  readonly waiting: readonly Recorded[];
  /** Commits what waits. */
  finish(): Promise<void>;
}

/** How a history reaches the target: connections by actor, and the product's own way of naming a transaction. */
export interface Players {
  readonly owner: Client;
  connect(transaction: Transaction): Promise<Client>;
  name(client: Client, agent: number, attempt: number): Promise<boolean>;
  settle(agent: number, attempt: number): Promise<void>;
  /** A name for PREPARE TRANSACTION. */
  preparedName(transaction: number): string;
}

/** Names of today, and the tables that the history writes. */
interface Reading {
  readonly names: Names;
  readonly tables: readonly TableModel[];
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
}

/** Plays one statement at a time; a statement that would wait for another transaction fails instead, and is taken back. */
export async function play(script: Script, players: Players): Promise<History> {
  const names = startNames();
  const tables = tablesOf(script.kind);
  const open = new Map<number, Open>();
  const [committed, waiting, altered]: [Recorded[], Recorded[], Altered[]] = [[], [], []];
  const finishers: (() => Promise<void>)[] = [];
  const left: Open[] = [];
  let at = 0;
  const inTransaction = async (one: Open, step: Step) => {
    if (step.do === 'op') at = await runOp(one, step.op, { names, tables }, at);
    else if (step.do === 'savepoint') {
      one.savepoints.push(one.effects.length);
      await one.client.query(`SAVEPOINT s${one.savepoints.length}`);
    } else if (step.do === 'rollback to') {
      await one.client.query(`ROLLBACK TO SAVEPOINT s${one.savepoints.length}`);
      one.effects.length = one.savepoints.pop() ?? 0;
    } else if (step.do === 'release') {
      await one.client.query(`RELEASE SAVEPOINT s${one.savepoints.length}`);
      one.savepoints.pop();
    }
    await nameIfDue(one, players);
  };
  for (const step of script.steps) {
    if (step.do === 'alter') {
      await alter(players.owner, step.alter, names);
      altered.push({ at: at++, alter: step.alter });
    } else if (step.do === 'begin') {
      const transaction = script.transactions[step.transaction] as Transaction;
      const client = await players.connect(transaction);
      await client.query(`BEGIN; SET LOCAL lock_timeout = '25ms'`);
      const one: Open = { client, transaction, number: step.transaction, effects: [], savepoints: [], statements: 0, named: false };
      open.set(step.transaction, one);
      await nameIfDue(one, players);
    } else {
      const one = open.get(step.transaction) as Open;
      if (step.do !== 'end') await inTransaction(one, step);
      else {
        open.delete(step.transaction);
        await end(one, players, committed, waiting, finishers);
        await settleIfDue(one, [...open.values(), ...left], players);
        if (one.transaction.end === 'open' || one.transaction.end === 'prepare') left.push(one);
      }
    }
  }
  const finish = async () => {
    for (const finisher of finishers) await finisher();
  };
  return { script, names, committed, altered, waiting, finish, end: await readRows(players.owner, names) };
}

async function nameIfDue(one: Open, players: Players): Promise<void> {
  const { actor, namedAfter } = one.transaction;
  if (actor.is !== 'agent' || one.named || one.statements < namedAfter) return;
  await one.client.query('SAVEPOINT naming');
  one.named = await players.name(one.client, actor.agent, actor.attempt);
  await one.client.query(one.named ? 'RELEASE SAVEPOINT naming' : 'ROLLBACK TO SAVEPOINT naming');
  if (!one.named) one.statements = -1_000;
}

async function end(
  one: Open,
  players: Players,
  committed: Recorded[],
  waiting: Recorded[],
  finishers: (() => Promise<void>)[],
): Promise<void> {
  const { client, transaction, number, effects } = one;
  const { actor } = transaction;
  const attempt = actor.is === 'agent' && one.named ? `${actor.agent}/${actor.attempt}` : undefined;
  const recorded = { transaction: number, attempt, effects };
  if (transaction.end === 'rollback') await client.query('ROLLBACK');
  if (transaction.end === 'die') await client.end();
  if (transaction.end === 'commit') {
    await client.query('COMMIT');
    committed.push(recorded);
  }
  if (transaction.end === 'open') {
    waiting.push(recorded);
    finishers.push(async () => void (await client.query('COMMIT')));
  }
  if (transaction.end === 'prepare') {
    const name = players.preparedName(number);
    await client.query(`PREPARE TRANSACTION '${name}'`);
    waiting.push(recorded);
    finishers.push(async () => void (await client.query(`COMMIT PREPARED '${name}'`)));
  }
}

/** Settling waits for every transaction of the attempt, so that it has to come after the last one. */
async function settleIfDue({ transaction, named }: Open, others: readonly Open[], players: Players): Promise<void> {
  const { actor, settles, end } = transaction;
  if (actor.is !== 'agent' || !named || !settles || end !== 'commit') return;
  const isSame = (other: Transaction['actor']) => other.is === 'agent' && other.agent === actor.agent && other.attempt === actor.attempt;
  if (!others.some((other) => isSame(other.transaction.actor))) await players.settle(actor.agent, actor.attempt);
}

async function runOp(one: Open, op: Op, { names, tables }: Reading, at: number): Promise<number> {
  const { client } = one;
  one.statements += 1;
  const sql = sqlOf(op, names);
  if (sql === undefined) return at;
  const before = await readRows(client, names, tables);
  await client.query('SAVEPOINT statement');
  try {
    await client.query(sql);
    await client.query('RELEASE SAVEPOINT statement');
  } catch (error) {
    const { code } = error as { code?: string };
    // Class 23: constraints; 55P03: another transaction has the row; 42501: the login may not.
    if (code === undefined || !(code.startsWith('23') || code === '55P03' || code === '40P01')) throw error;
    await client.query('ROLLBACK TO SAVEPOINT statement');
    return at;
  }
  const after = await readRows(client, names, tables);
  const moves = op.kind === 'update' && tableOf(op.table).key.some((column) => column in op.set);
  for (const effect of effectsBetween(before, after)) {
    one.effects.push({
      ...effect,
      written: writtenBy(op, effect),
      at,
      ...(moves && effect.table === op.table && effect.after === undefined && { moved: true }),
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

async function alter(owner: Client, change: Alter, names: Names): Promise<void> {
  const table = [...names.tables].find(([, first]) => first === 'changing')?.[0] ?? 'changing';
  const now = (column: string) => [...names.columns].find(([, first]) => first === column)?.[0].split('.')[1] ?? column;
  if (change.kind === 'add') {
    await owner.query(`ALTER TABLE ${table} ADD COLUMN ${change.column} int DEFAULT ${change.value}`);
    names.columns.set(`changing.${change.column}`, change.column);
  } else if (change.kind === 'drop') {
    await owner.query(`ALTER TABLE ${table} DROP COLUMN ${now(change.column)}`);
    names.columns.set('changing.-', '-');
  } else if (change.kind === 'move') {
    await owner.query(`ALTER TABLE ${table} RENAME TO ${change.to}`);
    names.tables.set(change.to, 'changing');
  } else if (change.kind === 'retype') await owner.query(`ALTER TABLE ${table} ALTER COLUMN ${now(change.column)} TYPE bigint`);
  else {
    await owner.query(`ALTER TABLE ${table} RENAME COLUMN ${change.column} TO ${change.to}`);
    names.columns.set(`changing.${change.to}`, change.column);
  }
}
