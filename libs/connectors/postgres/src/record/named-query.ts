import { AsyncLocalStorage } from 'node:async_hooks';
import { NAMING_COLUMN, namingAfterWrites } from './naming.ts';
import { isCaptured, type Running } from './running.ts';
import { type Insertion, planText, positionBefore } from './statements.ts';
import type { Transaction } from './transaction.ts';
import type { Connection, Submittable } from './wire.ts';

interface Given {
  /** The attempt in whose tool the query was made. */
  readonly running: Running | undefined;
  readonly transaction: Transaction;
  /** Queries are sent before earlier ones are answered, so the state of the transaction is not known. */
  readonly pipeline: boolean;
}

type Messages = Readonly<Record<string, (...given: unknown[]) => unknown>>;

/**
 * The query, with the naming of its transaction behind it: in the same round trip and, where the statement is a transaction of its own, in that
 * transaction. The naming's answer is swallowed. Listeners and callbacks run in the async context in which the query was made, not in that of
 * the socket, which belongs to whichever action connected first.
 */
export function namedQuery<Query extends Submittable>(query: Query, given: Given): Query {
  const inContext = AsyncLocalStorage.snapshot();
  const answers = new Answers(query, given.transaction);
  let refusal: Error | undefined;
  let names: Connection | undefined;
  const refuse = (connection: Connection, error: Error): void => {
    refusal = error;
    // ReadyForQuery comes back, and the client continues with its next query.
    connection.sync();
  };
  const messages: Messages = {
    submit(connection) {
      const send = (to: Connection): Error | null | undefined => inContext(() => query.submit(to));
      const owner = ownerOf(given);
      const text = (query as { text?: unknown }).text;
      if (typeof text === 'string' && /\band\s+chain\b/i.test(text)) given.transaction.chains = true;
      if (owner === undefined) return send(connection as Connection);
      names = naming(connection as Connection, namingAfterWrites(owner.attempt), answers);
      if (given.pipeline) return send(names);
      void isCaptured(owner)
        .then((captured) => send(captured ? (names as Connection) : (connection as Connection)))
        .then(
          (error) => error && refuse(connection as Connection, error),
          (error: Error) => refuse(connection as Connection, error),
        );
      return null;
    },
    handleRowDescription: (message) => answers.describe(message as never),
    handleDataRow: (message) => answers.row(message as never),
    handleCommandComplete: (message, connection) => answers.complete(message, names ?? connection),
    handleError: (error, connection) => query_.handleError?.(answers.corrected(error), names ?? connection),
    handleReadyForQuery: (connection) =>
      refusal === undefined ? query_.handleReadyForQuery?.(connection) : query_.handleError?.(refusal, connection),
  };
  const query_ = query as unknown as Messages;
  return new Proxy(query, {
    get(target, key) {
      const message = messages[key as string];
      if (message !== undefined) return (...args: unknown[]) => inContext(() => message(...args));
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function' || key === 'callback' || key === 'constructor') return value;
      return (...args: unknown[]) => inContext(() => Reflect.apply(value, target, args) as unknown);
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

/** Attempt to name: that of the open transaction, else the query's. Undefined: nothing is to be named. */
function ownerOf({ running, transaction, pipeline }: Given): Running | undefined {
  if (running === undefined || pipeline) return running;
  if (!transaction.open) return running;
  transaction.owner ??= running;
  return transaction.named ? undefined : transaction.owner;
}

/** Separates the naming's answer from the query's. */
class Answers {
  readonly #query: Messages;
  readonly #transaction: Transaction;
  #own = false;
  inserted: readonly Insertion[] = [];

  constructor(query: Submittable, transaction: Transaction) {
    this.#query = query as unknown as Messages;
    this.#transaction = transaction;
  }

  describe(message: { readonly fields: readonly { readonly name: string }[] }): void {
    this.#own = message.fields[0]?.name === NAMING_COLUMN;
    if (!this.#own) this.#query.handleRowDescription?.(message);
  }

  row(message: unknown): void {
    if (this.#own) this.#transaction.named = true;
    else this.#query.handleDataRow?.(message);
  }

  complete(message: unknown, connection: unknown): void {
    if (!this.#own) this.#query.handleCommandComplete?.(message, connection);
    this.#own = false;
  }

  /** An error whose position is that in the application's text. */
  corrected(error: unknown): unknown {
    const { position } = error as { readonly position?: string };
    if (position !== undefined && this.inserted.length > 0)
      Object.assign(error as object, { position: String(positionBefore(Number(position), this.inserted)) });
    return error;
  }
}

/** The connection as the query sees it: what it sends is followed by the naming. */
function naming(connection: Connection, statement: string, answers: Answers): Connection {
  const follow = (): void => {
    connection.parse({ text: statement });
    connection.bind({});
    connection.describe({ type: 'P', name: '' });
    connection.execute({});
    connection.sync();
  };
  const changed: Pick<Connection, 'sync' | 'query'> = {
    sync: follow,
    query(text) {
      const plan = planText(text, statement);
      if (plan.kind === 'unchanged') return connection.query(text);
      if (plan.kind === 'text') {
        answers.inserted = plan.inserted;
        return connection.query(plan.text);
      }
      connection.stream.cork?.();
      connection.parse({ text });
      connection.bind({});
      connection.describe({ type: 'P', name: '' });
      connection.execute({});
      follow();
      connection.stream.uncork?.();
    },
  };
  return new Proxy(connection, {
    get(target, key) {
      const value: unknown = Reflect.get(key in changed ? changed : target, key);
      return typeof value === 'function' && !(key in changed) ? value.bind(target) : value;
    },
  });
}
