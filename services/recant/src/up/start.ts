import { TOPIC_EVENTS } from '@recant/events';
import { startKafka } from '@recant/local-kafka';
import { checkListen, type KafkaAccess } from '@recant/service';
import { createStore, killAtFailpoint } from '@recant/store';
import { DATABASE_FILE, type Folder, folderMasterKeys, openFolder } from '../folder/folder.ts';
import { ensureKeys, saveConnection, type UpKeys } from '../folder/keys.ts';
import { lockFolder } from '../folder/lock.ts';
import { ensurePassword, localPeople } from '../folder/password.ts';
import { recordOwed } from '../folder/password-acts.ts';
import { signingKeys } from '../folder/signing.ts';
import type { Closer } from './database.ts';
import { openDatabase } from './database.ts';
import { startFailure } from './failure.ts';
import type { UpSettings } from './settings.ts';
import { openServices, type ServiceDeps } from './wire.ts';

/** Secrets that a start has created, to be printed once. */
export interface CreatedSecrets {
  operatorKey?: string;
  agentKey?: string;
  /** Of the local person. */
  password?: string;
}

export interface RunningUp {
  readonly url: string;
  readonly dir: string;
  readonly operatorKey: string;
  /** Created by this start. */
  readonly created: CreatedSecrets;
  /** Superuser of the embedded server; undefined with a DATABASE_URL. */
  readonly ownerUrl: string | undefined;
  readonly brokers: readonly string[] | undefined;
  /** Resolves when the signal aborts; rejects when an own PostgreSQL or broker has stopped for good. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export interface UpHooks {
  progress(text: string): void;
  readonly signal: AbortSignal;
  /** The start failed after it had created these: they are valid, and stored nowhere else. */
  onFailure?(created: CreatedSecrets): void;
}

/**
 * Starts databases, broker and services; `stop`, or a failure half-way, stops them in reverse order. A crash leaves a lock file and a database that
 * recovers; the next start takes over both.
 */
export async function startUp(settings: UpSettings, hooks: UpHooks): Promise<RunningUp> {
  const closers: Closer[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  const created: CreatedSecrets = {};
  try {
    return { ...(await build(settings, hooks, closers, created)), created, stop };
  } catch (error) {
    await stop();
    hooks.onFailure?.(created);
    throw startFailure(error, settings.dir);
  }
}

async function build(
  settings: UpSettings,
  { progress, signal }: UpHooks,
  closers: Closer[],
  created: CreatedSecrets,
): Promise<Omit<RunningUp, 'stop' | 'created'>> {
  await checkListen(settings.address);
  const folder = await openFolder(settings.dir);
  const lock = await lockFolder(folder.path);
  closers.push(lock.release);
  const masterKeys = settings.masterKeys ?? (await folderMasterKeys(folder));
  const signing = await signingKeys(folder, settings);

  progress(
    settings.kafka === 'local' ? 'Starting PostgreSQL and Kafka (the first start downloads its jars) ...' : 'Starting PostgreSQL ...',
  );
  const [{ access: kafka, down: brokerDown }, database] = await both(
    openBrokers(settings, folder, closers),
    openDatabase(folder, settings, closers),
  );

  progress('Starting the services ...');
  const [masterKey, ...olderMasterKeys] = masterKeys;
  const store = createStore({
    connectionString: database.url,
    masterKey,
    olderMasterKeys,
    shards: settings.shards,
    leaseMs: settings.leaseMs,
    failpoints: killAtFailpoint(settings.failpoint),
  });
  closers.push(store.close);
  const password = await ensurePassword(folder, Date.now());
  if (password !== undefined) created.password = password;
  const people = [...settings.people, localPeople(folder)];
  const services: ServiceDeps<UpKeys> = {
    async prepare(acts, logger) {
      await recordOwed(folder, acts, logger);
      const keys = await ensureKeys(folder, store.credentials, acts);
      Object.assign(created, keys.created);
      return keys;
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
  await saveConnection(folder, keys.operatorKey, url);
  await folder.write(DATABASE_FILE, `${database.url}\n`);
  await lock.announce(url);
  const { ownerUrl, down } = database;
  return {
    url,
    dir: folder.path,
    operatorKey: keys.operatorKey,
    ownerUrl,
    brokers: kafka?.brokers,
    ended: ending(signal, brokerDown === undefined ? down : Promise.race([down, brokerDown])),
  };
}

/** Waits for both even if one fails, so that whatever the other has started can be stopped. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

interface Brokers {
  readonly access: KafkaAccess | undefined;
  /** Rejects when an own broker has stopped for good on its own. */
  readonly down?: Promise<never>;
}

async function openBrokers(settings: UpSettings, folder: Folder, closers: Closer[]): Promise<Brokers> {
  if (settings.kafka !== 'local') return { access: settings.kafka };
  const { promise: down, reject: onDown } = Promise.withResolvers<never>();
  down.catch(() => undefined);
  const kafka = await startKafka({ dir: folder.at('kafka'), onDown, topics: [{ name: TOPIC_EVENTS, partitions: settings.shards }] });
  closers.push(() => kafka.stop());
  return { access: { brokers: kafka.brokers }, down };
}

function ending(signal: AbortSignal, down: Promise<never>): Promise<void> {
  const aborted = new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  const ended = Promise.race([aborted, down]);
  // The demo does not await it.
  ended.catch(() => undefined);
  return ended;
}
