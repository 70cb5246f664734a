import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeEvent, parseApiKey, shardOf } from '@recant/events';
import { batchMessage, createProducer } from '@recant/kafka';
import { decodeFrame } from '@recant/ledger';
import { createStore, FAILPOINTS, PROJECT_FAILPOINTS, type Store, withSnapshot } from '@recant/store';
import { testKafka, testLedgerDatabase, waitUntil } from '@recant/test-support';
import { auditTenant } from '@recant/verifier';
import { expect, test } from 'vitest';
import { createWorkload } from '../bench/workload.ts';
import { startLedgerProcess } from './ledger-process.ts';

/**
 * I2: an acknowledged event is in its log once, in its source's order, through any crash. The ledger is killed (SIGKILL) before and after COPY and
 * COMMIT, of entries and of read models, repeatedly, while events arrive from Kafka; the next process resumes from the stored position. A sample always runs; RECANT_FAULTS=all
 * kills five times at each point during 20,000 events.
 */
const FULL = process.env.RECANT_FAULTS === 'all';
const KILLS = FULL ? 5 : 1;
const EVENTS = FULL ? 20_000 : 1_200;
const SHARDS = 4;
const SOURCES = 32;
const TENANT = 'acme';

test.each([...FAILPOINTS, ...PROJECT_FAILPOINTS])(
  `I2: killed ${KILLS} times at %s during ${EVENTS} events, every acknowledged event is in the log once, in its source's order`,
  { timeout: FULL ? 600_000 : 120_000 },
  async (failpoint) => {
    await using database = await testLedgerDatabase();
    const { brokers, topic } = await testKafka({ partitions: SHARDS });
    const folder = await mkdtemp(join(tmpdir(), 'recant-fault-'));
    const masterKey = new Uint8Array(32).fill(5);
    const masterKeyFile = join(folder, 'master.key');
    await writeFile(masterKeyFile, masterKey, { mode: 0o600 });
    const store = createStore({ connectionString: database.url, masterKey, shards: SHARDS });
    const producing = await startProducing(store, brokers, topic);
    const start = (n: number, setting?: string) =>
      startLedgerProcess({
        databaseUrl: database.url,
        masterKeyFile,
        kafka: { brokers, topic, groupId: `${topic}.${n}` },
        shards: SHARDS,
        ...(setting === undefined ? {} : { failpoint: setting }),
      });
    try {
      for (let kill = 1; kill <= KILLS; kill += 1) {
        // Each process gets a share of the events, with enough transactions to be killed in.
        producing.allow((EVENTS * kill) / (KILLS + 1));
        await using ledger = start(kill, `${failpoint}:${kill}`);
        expect(await ledger.exited).toEqual({ code: null, signal: 'SIGKILL' });
      }
      producing.allow(EVENTS);
      await using ledger = start(0);
      const acknowledged = await producing.finished;
      await waitUntil(async () => (await countEvents(store)) >= acknowledged.length, { timeoutMs: 90_000 });
      await ledger.stop();
      expect(acknowledged).toHaveLength(EVENTS);
      await expectOnceInOrder(store, acknowledged);
      await store.projection.reach(TENANT);
      expect(await withSnapshot(store.pool, TENANT, (snapshot) => auditTenant(TENANT, snapshot))).toEqual([]);
    } finally {
      await producing.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
);

interface Sent {
  readonly source: string;
  readonly id: string;
}

/** Sends events in small requests, as far as it is allowed to. `finished` gives what the broker acknowledged, in the order of sending. */
async function startProducing(store: Store, brokers: readonly string[], topic: string) {
  const wanted = { tenant: TENANT, roles: ['emit'], sourcePrefix: 'recant://acme', agents: ['*'], resources: [] } as const;
  const { apiKey } = await store.credentials.create(wanted);
  const key = parseApiKey(apiKey);
  if (key === undefined) throw new TypeError('not an API key');
  const producer = await createProducer({ brokers, topic });
  const workload = createWorkload({ sources: SOURCES, agents: 4, sourcePrefix: 'recant://acme', seed: 11, startMs: Date.now() });
  const acknowledged: Sent[] = [];
  let allowed = 0;
  let wake = () => {};
  let closed = false;
  const finished = (async () => {
    while (acknowledged.length < EVENTS && !closed) {
      if (acknowledged.length >= allowed) await new Promise<void>((resume) => (wake = resume));
      const batch = Array.from({ length: Math.min(100, EVENTS - acknowledged.length) }, () => workload.next());
      await producer.send(batch.map(({ source, bytes }) => batchMessage(key, shardOf(TENANT, source, SHARDS), bytes)));
      for (const { source, bytes } of batch) acknowledged.push({ source, id: idOf(bytes) });
    }
    return acknowledged;
  })();
  return {
    finished,
    allow(count: number) {
      allowed = count;
      wake();
    },
    async close() {
      closed = true;
      wake();
      await finished.catch(() => {});
      await producer.close();
    },
  };
}

function idOf(bytes: Uint8Array): string {
  const decoded = decodeEvent(bytes);
  if (!decoded.ok) throw new TypeError(decoded.detail);
  return decoded.event.id;
}

async function countEvents(store: Store): Promise<number> {
  const { rows } = await store.pool.query('SELECT count(event_id)::int AS events FROM recant.entry WHERE tenant_id = $1', [TENANT]);
  return rows[0].events as number;
}

/** From the frames themselves: each source's list of ids is exactly the list it sent. */
async function expectOnceInOrder(store: Store, acknowledged: readonly Sent[]): Promise<void> {
  const stored: Sent[] = [];
  await withSnapshot(store.pool, TENANT, async (snapshot) => {
    for await (const { frame } of snapshot.entries()) {
      const decoded = decodeFrame(frame);
      if (decoded?.kind !== 'event') continue;
      const event = decodeEvent(decoded.body);
      if (event.ok) stored.push({ source: event.event.source, id: event.event.id });
    }
  });
  const bySource = (list: readonly Sent[]) => [...Map.groupBy(list, ({ source }) => source)].sort(([a], [b]) => (a < b ? -1 : 1));
  expect(bySource(stored)).toEqual(bySource(acknowledged));
}
