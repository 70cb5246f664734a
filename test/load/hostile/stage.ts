import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseApiKey, TOPIC_EVENTS } from '@recant/events';
import { createProducer, readOffsetRanges } from '@recant/kafka';
import { startKafka } from '@recant/local-kafka';
import { startPostgres } from '@recant/local-postgres';
import { createStore, migrate, type NewCredential, type Store } from '@recant/store';
import { newSigningKey } from '../../../services/ledger/src/signing-keys.ts';
import { startLedgerProcess } from '../../faults/ledger-process.ts';
import { type HonestSender, httpSender, kafkaSender } from './honest.ts';
import type { ProducerOptions, Sent } from './producer.ts';

export const HONEST = ['honest0', 'honest1', 'honest2'] as const;
export const HOSTILE = 'mallory';
export const TOPIC = TOPIC_EVENTS;
export const UNRELATED = 'unrelated';
const PARTITIONS = 4;

export interface HostileProducer {
  /** Sends to this topic from now on, or to none. Resolves when what was in flight is acknowledged. */
  aim(topic: string | undefined): Promise<Readonly<Record<string, Sent>>>;
  end(): void;
}

/** One ledger process, a broker with the ledger's topic and an unrelated one, three tenants that record over HTTP and Kafka, and who floods the broker. */
export interface Stage extends AsyncDisposable {
  readonly store: Store;
  readonly senders: readonly HonestSender[];
  readonly hostile: HostileProducer;
  /** Messages that the broker has and the ledger has not. */
  behind(): Promise<number>;
  /** Messages of the ledger's topic. */
  inTopic(): Promise<number>;
  /** Resident memory of the ledger process, MiB. */
  memoryMb(): Promise<number>;
  /** Lines of its log at level error. */
  readonly errors: readonly string[];
  /** Text of its metrics. */
  metrics(): Promise<string>;
  isRunning(): boolean;
}

export async function openStage(
  dir: string,
  seed: number,
  pace: Pick<ProducerOptions, 'messagesPerSecond' | 'bytesPerSecond'>,
): Promise<Stage> {
  await using started = new AsyncDisposableStack();
  const topics = [TOPIC, UNRELATED].map((name) => ({ name, partitions: PARTITIONS }));
  const [postgres, kafka] = await Promise.all([startPostgres({ dataDir: join(dir, 'pg'), temporary: true }), startKafka({ topics })]);
  started.defer(() => postgres.stop());
  started.defer(() => kafka.kill());
  const { ownerUrl } = await postgres.ensureDatabase('ledger');
  await migrate(ownerUrl);
  const masterKey = new Uint8Array(32).fill(5);
  const files = { masterKeyFile: join(dir, 'master.key'), signingKeyFile: join(dir, 'signing.key'), anchorDir: join(dir, 'anchor') };
  await writeFile(files.masterKeyFile, masterKey, { mode: 0o600 });
  await writeFile(files.signingKeyFile, newSigningKey('example.org'), { mode: 0o600 });
  await mkdir(files.anchorDir);
  const store = createStore({ connectionString: ownerUrl, masterKey, shards: PARTITIONS });
  started.defer(() => store.close());
  const errors: string[] = [];
  const ledger = startLedgerProcess({
    databaseUrl: ownerUrl,
    masterKeyFile: files.masterKeyFile,
    evidence: files,
    kafka: { brokers: kafka.brokers, topic: TOPIC, groupId: `hostile-${randomUUID()}` },
    shards: PARTITIONS,
    onLine: (line) => void (/"level":(50|60)/.test(line) && errors.push(line)),
  });
  started.defer(() => ledger.stop());
  const url = await ledger.url;
  const keyOf = async (over: Partial<NewCredential>) =>
    await store.credentials.create({ tenant: HOSTILE, roles: ['emit'], sourcePrefix: 'recant://', agents: ['*'], resources: [], ...over });
  const monitor = await keyOf({ tenant: 'recant', roles: ['monitor'], agents: [], sourcePrefix: 'recant://monitor' });
  const producer = await createProducer({ brokers: kafka.brokers, topic: TOPIC });
  started.defer(() => producer.close());
  const senders: HonestSender[] = [];
  let honestKeyId = '';
  for (const [n, tenant] of HONEST.entries()) {
    const { apiKey } = await keyOf({ tenant, sourcePrefix: `recant://${tenant}` });
    honestKeyId = parseApiKey(apiKey)?.keyId ?? '';
    const options = { tenant, apiKey, seed: seed * 100 + n };
    senders.push(httpSender(options, PARTITIONS, url), kafkaSender({ ...options, seed: options.seed + 10 }, PARTITIONS, producer, store));
  }
  started.defer(async () => void (await Promise.allSettled(senders.map((sender) => sender.stop()))));
  const [own, ended] = [await keyOf({ sourcePrefix: `recant://${HOSTILE}` }), await keyOf({ sourcePrefix: `recant://${HOSTILE}` })];
  await store.credentials.revoke(HOSTILE, ended.credential.keyId);
  const hostile = startHostile({
    ...{ brokers: kafka.brokers, seed, partitions: PARTITIONS, ...pace, honestKeyId },
    ...{ ownKey: own.apiKey, endedKey: ended.apiKey },
  });
  started.defer(() => hostile.end());
  const highs = async () =>
    [...(await readOffsetRanges({ brokers: kafka.brokers }, TOPIC)).values()].reduce((sum, { high }) => sum + Number(high), 0);
  const read = async () => (await store.positions.read(TOPIC)).reduce((sum, { next }) => sum + Number(next), 0);
  const running = started.move();
  return {
    ...{ store, senders, hostile, errors },
    inTopic: highs,
    behind: async () => (await highs()) - (await read()),
    async memoryMb() {
      const kb = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${ledger.pid}/status`, 'utf8'))?.[1];
      return Math.round(Number(kb) / 1_024);
    },
    async metrics() {
      return await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${monitor.apiKey}` } })).text();
    },
    isRunning: () => isAlive(ledger.pid),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function startHostile(options: ProducerOptions): HostileProducer {
  const child: ChildProcess = fork(fileURLToPath(new URL('./producer.ts', import.meta.url)), [JSON.stringify(options)], {
    execArgv: ['--disable-warning=TimeoutNegativeWarning'],
  });
  const exited = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the hostile producer ended: ${code}`)));
  exited.catch(() => {});
  return {
    async aim(topic) {
      child.send({ aim: topic ?? null });
      const [answer] = await Promise.race([once(child, 'message'), exited]);
      return (answer as { sent: Readonly<Record<string, Sent>> }).sent;
    },
    end: () => void child.kill(),
  };
}
