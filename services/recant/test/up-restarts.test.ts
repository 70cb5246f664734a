import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@recant/client';
import { type ApiKey, OPERATOR_TENANT, parseApiKey, SHARDS_DEFAULT, shardOf } from '@recant/events';
import { batchMessage, createProducer } from '@recant/kafka';
import { waitUntil } from '@recant/test-support';
import { expect, onTestFinished, test } from 'vitest';
import { TestSource } from '../../ledger/test/producer.ts';
import { temporaryFolder, up } from './process.ts';

const PATIENCE_MS = 120_000;

test('`up --kafka` outlives the death of its PostgreSQL and of its broker: both are started again, and every acknowledged event is recorded (V1, V3)', async () => {
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  const running = await up(folder.path, ['--kafka']);
  onTestFinished(async () => void (running.child.exitCode === null && (await running.end('SIGTERM'))));
  const apiKey = /agents\s+(recant_\S+)/.exec(running.out)?.[1] ?? '';
  const { url, apiKey: operatorKey } = JSON.parse(await readFile(join(folder.path, '.recant/cli.json'), 'utf8'));
  const [agents, operator] = [createClient({ url, apiKey }), createClient({ url, apiKey: operatorKey })];
  const before = new TestSource('bot');
  const first = before.intended();
  await agents.submitEvent(first.bytes);

  const postmaster = async () => Number((await readFile(join(folder.path, '.recant/postgres/postmaster.pid'), 'utf8')).split('\n')[0]);
  const killed = await postmaster();
  process.kill(killed, 'SIGKILL');
  const second = new TestSource('bot').intended();
  await waitUntil(() => agents.submitEvent(second.bytes), { timeoutMs: PATIENCE_MS, what: 'an event after the death of PostgreSQL' });
  expect(await postmaster()).not.toBe(killed);

  const place = /Kafka \(([^)]+)\)/.exec(running.out)?.[1] ?? '';
  process.kill(await brokerOf(join(folder.path, '.recant/kafka')), 'SIGKILL');
  const source = new TestSource('bot');
  const third = source.intended();
  const message = batchMessage(parseApiKey(apiKey) as ApiKey, shardOf(OPERATOR_TENANT, source.source, SHARDS_DEFAULT), third.bytes);
  await waitUntil(
    async () => {
      const producer = await createProducer({ brokers: place.split(','), topic: 'recant.events' });
      await producer.send([message]).finally(() => producer.close());
      return true;
    },
    { timeoutMs: PATIENCE_MS, what: 'the broker to acknowledge again' },
  );
  for (const { action } of [first, second, third])
    await waitUntil(async () => (await operator.action(action)).attempts.length === 1, {
      timeoutMs: PATIENCE_MS,
      what: `action ${action}`,
    });
  expect(running.child.exitCode).toBeNull();
  expect(await running.end('SIGTERM')).toBe(0);
}, 600_000);

/** Process of the broker in a folder: it runs Java with its configuration. */
async function brokerOf(folder: string): Promise<number> {
  for (const name of await readdir('/proc')) {
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('kafka.Kafka') && command.includes(`${folder}/server.properties`)) return Number(name);
  }
  throw new Error(`no broker runs in ${folder}`);
}
