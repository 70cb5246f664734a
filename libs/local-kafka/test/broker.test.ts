import { spawn } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@recant/test-support';
import { Kafka, logLevel } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { startKafka } from '../src/index.ts';

const HOLDER = fileURLToPath(new URL('./holder.ts', import.meta.url));

async function freshFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'recant-kafka-test-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function startHolder(dir?: string): Promise<{ kill(): void; pid: number; dir: string }> {
  const child = spawn(process.execPath, [HOLDER, ...(dir === undefined ? [] : [dir])], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) return { ...JSON.parse(line), kill: () => void child.kill('SIGKILL') };
  throw new Error('The holder printed nothing');
}

/** False for a process that ended, including a zombie. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tX');
  return !/^State:\s+[ZX]/m.test(status);
}

test('a killed and restarted broker has its port and every acknowledged message', async () => {
  const dir = await freshFolder();
  const first = await startKafka({ dir, topics: [{ name: 'kept', partitions: 2 }] });
  await first.createTopic('kept', 2);
  const client = new Kafka({ brokers: first.brokers, logLevel: logLevel.NOTHING });
  const producer = client.producer();
  await producer.connect();
  await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'one', partition: 1 }] });
  await producer.disconnect();
  await first.kill();
  expect(await isRunning(first.pid)).toBe(false);
  const second = await startKafka({ dir });
  onTestFinished(() => second.stop());
  expect(second.port).toBe(first.port);
  const admin = client.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets('kept');
  await admin.disconnect();
  expect(offsets.find(({ partition }) => partition === 1)?.high).toBe('1');
});

test('a broker that is killed by somebody else is started again, on its port and with every acknowledged message (V3)', async () => {
  const kafka = await startKafka({
    dir: await freshFolder(),
    topics: [{ name: 'kept', partitions: 1 }],
    onDown: ({ message }) => expect.unreachable(message),
  });
  onTestFinished(() => kafka.stop());
  const client = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING });
  const producer = client.producer();
  await producer.connect();
  await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'one' }] });
  await producer.disconnect();
  const killed = kafka.pid;
  process.kill(killed, 'SIGKILL');
  await waitUntil(() => kafka.pid !== killed);
  const highs = async (): Promise<string[]> => {
    const admin = client.admin();
    try {
      await admin.connect();
      return (await admin.fetchTopicOffsets('kept')).map(({ high }) => high);
    } catch {
      return [];
    } finally {
      await admin.disconnect();
    }
  };
  await waitUntil(async () => (await highs()).join() === '1', { timeoutMs: 120_000 });
}, 300_000);

test('a killed caller takes the broker and its temporary folder with it', async () => {
  const { kill, pid, dir } = await startHolder();
  kill();
  await waitUntil(async () => !(await isRunning(pid)));
  await waitUntil(() =>
    stat(dir).then(
      () => false,
      () => true,
    ),
  );
});

test('the folder of a killed caller is free for the next one', async () => {
  const dir = await freshFolder();
  const held = await startHolder(dir);
  held.kill();
  const next = await startKafka({ dir });
  onTestFinished(() => next.stop());
  expect(await isRunning(held.pid)).toBe(false);
});

test('a port in use is refused, and nothing is left behind', async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  await expect(startKafka({ port })).rejects.toMatchObject({ code: 'port_in_use', message: expect.stringContaining(String(port)) });
});
