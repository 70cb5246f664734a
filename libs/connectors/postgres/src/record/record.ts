import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { ConnectorError } from '@recant/connector';
import { namedQuery } from './named-query.ts';
import { isCaptured, type Running } from './running.ts';
import { transactionOf } from './transaction.ts';
import { type Client, isClient, isPool, isSubmittable, type Pool, type Submittable } from './wire.ts';

/** Records the clients and pools of an application through one system. */
export interface ClientRecorder {
  /** Runs `work` as a part of the attempt's tool. */
  during<T>(running: Running, work: () => T): T;
  /** The client or pool with the same members, whose statements belong to the attempt in whose tool they are made. */
  record<T extends object>(client: T): T;
}

export function createClientRecorder(): ClientRecorder {
  const storage = new AsyncLocalStorage<Running>();
  const recorded = new WeakMap<object, object>();
  const record = (client: object): object => {
    const found = recorded.get(client);
    if (found !== undefined) return found;
    const proxy = isClient(client) ? recordClient(client, storage) : isPool(client) ? recordPool(client, storage, record) : undefined;
    if (proxy === undefined)
      throw new ConnectorError(
        'options_invalid',
        'record expects a Client or Pool of the package pg (its JavaScript client, not pg.native).',
      );
    recorded.set(client, proxy);
    recorded.set(proxy, proxy);
    return proxy;
  };
  return {
    during: (running, work) => storage.run(running, work),
    record: <T extends object>(client: T) => record(client) as T,
  };
}

function withMembers<T extends object>(target: T, members: Readonly<Record<string, unknown>>): T {
  return new Proxy(target, {
    get: (from, key, receiver) => (Object.hasOwn(members, key) ? members[key as string] : Reflect.get(from, key, receiver)),
  });
}

function recordClient(client: Client, storage: AsyncLocalStorage<Running>): object {
  const transaction = transactionOf(client.connection, client.getTransactionStatus?.());
  const pipeline = client.pipeline === true;
  const enqueue = (query: Submittable, running: Running | undefined, config: unknown): void => {
    const named = namedQuery(query, { running, transaction, pipeline });
    const { query_timeout } = Object(config) as { readonly query_timeout?: unknown };
    client.query(query_timeout === undefined || named === config ? named : Object.assign(named, { query_timeout }));
  };
  const query = (config: unknown, values?: unknown, callback?: unknown): unknown => {
    if (config === null || config === undefined) return client.query(config, values, callback);
    const made = isSubmittable(config) ? config : newQuery(client, config, values, callback);
    const running = storage.getStore();
    if (isSubmittable(config) && made.callback === undefined && typeof (values ?? callback) === 'function')
      made.callback = (values ?? callback) as never;
    const result = isSubmittable(config) || made.callback !== undefined ? config : promiseOf(made);
    if (pipeline && running !== undefined) {
      // What is sent at once cannot wait for the capture in between.
      void isCaptured(running).then(
        (captured) => enqueue(made, captured ? running : undefined, config),
        (error: Error) => (made as unknown as { handleError(cause: Error, on: unknown): void }).handleError(error, client.connection),
      );
    } else enqueue(made, running, config);
    return isSubmittable(config) || result !== config ? result : undefined;
  };
  return withMembers(client, { query });
}

/** The client's own class for queries. */
function newQuery(client: Client, config: unknown, values: unknown, callback: unknown): Submittable {
  const { Query } = client.constructor as unknown as { Query: new (...given: unknown[]) => Submittable };
  return new Query(config, values, callback);
}

function promiseOf(query: Submittable): Promise<unknown> {
  return new Promise((resolve, reject) => {
    query.callback = (error: unknown, result: unknown) => (error ? reject(error) : resolve(result));
  }).catch((error: Error) => {
    // The stack leads to the application's call, as it does in pg.
    Error.captureStackTrace(error);
    throw error;
  });
}

function recordPool(pool: Pool, storage: AsyncLocalStorage<Running>, record: (client: object) => object): object {
  const connect = (callback?: (error: unknown, client?: object, release?: unknown) => void): unknown => {
    const running = storage.getStore();
    // Captured before a client is taken: the capture may need one of the same pool.
    const taken: Promise<object> = (running === undefined ? Promise.resolve() : isCaptured(running))
      // Sockets that are opened now outlive the action.
      .then(() => storage.exit(() => pool.connect() as Promise<object>))
      .then(record);
    if (callback === undefined) return taken;
    const bound = AsyncResource.bind(callback);
    // An exception of the callback is the application's, no rejection of ours.
    taken.then(
      (client) => process.nextTick(bound, undefined, client, (client as { release: unknown }).release),
      (error: unknown) => process.nextTick(bound, error, undefined, () => undefined),
    );
    return undefined;
  };
  return withMembers(pool as object, { connect });
}
