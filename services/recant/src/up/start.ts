import { TOPIC_EVENTS } from '@recant/events';
import { startKafka } from '@recant/local-kafka';
import { checkListen, type KafkaAccess } from '@recant/service';
import { createStore, killAtFailpoint } from '@recant/store';
import { DATABASE_FILE, type Folder, folderMasterKeys, openFolder } from '../folder/folder.ts';
import { ensureKeys, keepConnection, type UpKeys } from '../folder/keys.ts';
import { lockFolder } from '../folder/lock.ts';
import { ensurePassword, localPeople } from '../folder/password.ts';
import { recordOwed } from '../folder/password-acts.ts';
import { signingKeys } from '../folder/signing.ts';
import type { Closer } from './database.ts';
import { openDatabase } from './database.ts';
import { startFailure } from './failure.ts';
import type { UpSettings } from './settings.ts';
import { openServices, type ServiceDeps } from './wire.ts';

export interface RunningUp {
  readonly url: string;
  readonly dir: string;
  readonly operatorKey: string;
  readonly made: UpKeys['made'];
  /** Of the local person, where it was made just now: to be shown, once. */
  readonly password: string | undefined;
  /** Superuser of the embedded server; undefined with a DATABASE_URL. */
  readonly ownerUrl: string | undefined;
  readonly brokers: readonly string[] | undefined;
  /** Resolves when somebody asks for the end; rejects when PostgreSQL went down for good. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export interface UpHooks {
  /** What it is doing now, for a progress line. */
  tell(text: string): void;
  readonly signal: AbortSignal;
}

/**
 * Starts what is needed from the ground up; `stop` takes it down in the opposite order, and so does a start that fails half-way.
 * What a crash leaves is a lock file and a database that recovers: both are taken over by the next start.
 */
export async function startUp(settings: UpSettings, hooks: UpHooks): Promise<RunningUp> {
  const closers: Closer[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return { ...(await build(settings, hooks, closers)), stop };
  } catch (error) {
    await stop();
    throw startFailure(error, settings.dir);
  }
}

async function build(settings: UpSettings, { tell, signal }: UpHooks, closers: Closer[]): Promise<Omit<RunningUp, 'stop'>> {
  await checkListen(settings.address);
  const folder = await openFolder(settings.dir);
  const lock = await lockFolder(folder.path);
  closers.push(lock.release);
  const masterKeys = settings.masterKeys ?? (await folderMasterKeys(folder));
  const signing = await signingKeys(folder, settings);

  tell(settings.kafka === 'local' ? 'Starting PostgreSQL and Kafka (the first time its jars are fetched) ...' : 'Starting PostgreSQL ...');
  const [kafka, database] = await both(openBrokers(settings, folder, closers), openDatabase(folder, settings, closers));

  tell('Starting the services ...');
  const [masterKey, ...olderMasterKeys] = masterKeys;
  const store = createStore({
    connectionString: database.url,
    masterKey,
    olderMasterKeys,
    shards: settings.shards,
    failpoints: killAtFailpoint(settings.failpoint),
  });
  closers.push(store.close);
  const password = await ensurePassword(folder, Date.now());
  const people = [...settings.people, localPeople(folder)];
  const services: ServiceDeps<UpKeys> = {
    async prepare(acts, logger) {
      await recordOwed(folder, acts, logger);
      return ensureKeys(folder, store.credentials, acts);
    },
    settings,
    store,
    kafka,
    signing,
    people,
    masterKeys,
    keysDatabaseUrl: database.keysUrl,
  };
  const { url, keys } = await openServices(services, closers);
  await keepConnection(folder, url, keys.operatorKey);
  await folder.keep(DATABASE_FILE, `${database.url}\n`);
  await lock.announce(url);
  const { operatorKey, made } = keys;
  const { ownerUrl, down } = database;
  return { url, dir: folder.path, operatorKey, made, password, ownerUrl, brokers: kafka?.brokers, ended: ending(signal, down) };
}

/** Waits for both even where one fails, so that what the other one started is known and can be stopped. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

async function openBrokers(settings: UpSettings, folder: Folder, closers: Closer[]): Promise<KafkaAccess | undefined> {
  if (settings.kafka !== 'local') return settings.kafka;
  const kafka = await startKafka({ dir: folder.at('kafka'), topics: [{ name: TOPIC_EVENTS, partitions: settings.shards }] });
  closers.push(() => kafka.stop());
  return { brokers: kafka.brokers };
}

function ending(signal: AbortSignal, down: Promise<never>): Promise<void> {
  const asked = new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  const ended = Promise.race([asked, down]);
  // The demo does not wait for it.
  ended.catch(() => undefined);
  return ended;
}
