import { type PostgresClient, postgresSystem } from '@recant/connector-postgres';
import { type ActionContext, createRecant, type Recant } from '@recant/sdk';
import type { Client } from 'pg';
import type { Service } from './service.ts';

/** An agent whose attempts are actions of the SDK, and whose transactions are those of its handle. */
export interface SdkAgent {
  /** @returns the id that the SDK gave to the action */
  intend(attempt: string): Promise<string>;
  /** A client that begins, commits and rolls back through the SDK. */
  transaction(attempt: string): Promise<Client>;
  settle(attempt: string, outcome: 'succeeded' | 'failed'): Promise<void>;
  close(): Promise<void>;
}

export interface SdkAgentOptions {
  readonly service: Pick<Service, 'url'>;
  readonly apiKey: string;
  readonly agent: string;
  readonly system: string;
  connect(): Promise<Client>;
  release(client: Client): void;
}

interface Action {
  readonly context: ActionContext;
  readonly done: Promise<unknown>;
  end(failed: boolean): void;
}

/** The tool failed, or took its transaction back. */
class TakenBack extends Error {}

export async function createSdkAgent({ service, apiKey, agent, system, connect, release }: SdkAgentOptions): Promise<SdkAgent> {
  const pool = {
    async connect() {
      const client = await connect();
      return {
        query: client.query.bind(client) as PostgresClient['query'],
        on: client.on.bind(client),
        off: client.off.bind(client),
        release: () => release(client),
      };
    },
  };
  const shop = postgresSystem({ name: system, pool });
  const recant: Recant = createRecant({ url: service.url, apiKey, agent, systems: [shop] });
  await recant.open();
  const actions = new Map<string, Action>();
  const found = (attempt: string): Action => {
    const action = actions.get(attempt);
    if (action === undefined) throw new Error(`attempt ${attempt} was not intended`);
    return action;
  };
  return {
    async intend(attempt) {
      const started = Promise.withResolvers<ActionContext>();
      const ended = Promise.withResolvers<void>();
      const done = recant.action(
        'sdk',
        {},
        (context) => {
          started.resolve(context);
          return ended.promise;
        },
        { systems: [system] },
      );
      const settled = done.then(
        () => undefined,
        (error: unknown) => {
          started.reject(error);
          if (!(error instanceof TakenBack)) throw error;
        },
      );
      settled.catch(() => undefined);
      const context = await started.promise;
      actions.set(attempt, {
        context,
        done: settled,
        end: (failed) => (failed ? ended.reject(new TakenBack('the tool failed')) : ended.resolve()),
      });
      return context.action;
    },
    async transaction(attempt) {
      const opened = Promise.withResolvers<PostgresClient>();
      const ended = Promise.withResolvers<void>();
      const done = found(attempt)
        .context.on(shop)
        .transaction((client) => {
          opened.resolve(client);
          return ended.promise;
        });
      done.catch((error: unknown) => opened.reject(error));
      const client = await opened.promise;
      const end = async (takenBack: boolean): Promise<void> => {
        if (takenBack) ended.reject(new TakenBack('rollback'));
        else ended.resolve();
        await done.catch((error: unknown) => {
          if (!(error instanceof TakenBack)) throw error;
        });
      };
      const query = (text: unknown) => {
        if (text === 'commit' || text === 'rollback') return end(text === 'rollback');
        return client.query((typeof text === 'string' ? text.replace(/^BEGIN; /, '') : text) as string);
      };
      return { query, end: () => end(true) } as unknown as Client;
    },
    async settle(attempt, outcome) {
      const { end, done } = found(attempt);
      end(outcome === 'failed');
      await done;
      await recant.flush();
    },
    close: () => recant.close(),
  };
}
