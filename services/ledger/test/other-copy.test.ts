import { createAnchorWatch, createLogGuard, integrate } from '@recant/ledger';
import { createLogger } from '@recant/service';
import { createStore } from '@recant/store';
import { testLedgerDatabase, waitUntil } from '@recant/test-support';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { createPublisher } from '../src/publisher.ts';
import { newSigningKey, parseSigningKeys } from '../src/wire.ts';
import { startLedger } from './harness.ts';
import { TestSource } from './producer.ts';

/** The database's present state under another name, which `swap` puts in its place as a failover does: sessions end, and the next ones reach the copy. */
async function copyOf({ ownerUrl }: { readonly ownerUrl: string }) {
  const name = new URL(ownerUrl).pathname.slice(1);
  const elsewhere = new URL(ownerUrl);
  elsewhere.pathname = '/postgres';
  const owner = new pg.Client({ connectionString: elsewhere.href });
  await owner.connect();
  await owner.query(`CREATE DATABASE ${name}_copy TEMPLATE ${name}`);
  onTestFinished(async () => {
    for (const each of [`${name}_copy`, `${name}_old`]) await owner.query(`DROP DATABASE IF EXISTS ${each} WITH (FORCE)`);
    await owner.end();
  });
  return {
    async swap() {
      await owner.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
      await owner.query('SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = $1', [name]);
      await owner.query(`ALTER DATABASE ${name} RENAME TO ${name}_old`);
      await owner.query(`ALTER DATABASE ${name}_copy RENAME TO ${name}`);
    },
  };
}

test('what the anchors said of one copy of the database signs nothing on another', async () => {
  const database = await testLedgerDatabase();
  const masterKey = new Uint8Array(32).fill(3);
  onTestFinished(() => database.drop());
  const ledger = await startLedger({ databaseUrl: database.url, masterKey });
  await ledger.agents.submitEvent(new TestSource('bot').intended().bytes);
  const [log] = await ledger.store.publishing.unintegrated();
  if (log === undefined) throw new Error('The event is in no log.');
  await ledger.store.publishing.publishing(log, (open) => integrate(open));
  await ledger.stop();
  const copy = await copyOf(database);
  const store = createStore({ connectionString: database.url, masterKey });
  onTestFinished(() => store.close());

  const keys = parseSigningKeys(newSigningKey('example.org/ledger'), 'a test');
  const watch = createAnchorWatch(keys.ledger, [], Date.now);
  const asked: { readonly server: string | undefined; readonly signed: boolean }[] = [];
  const publisher = createPublisher({
    keys,
    store: store.publishing,
    anchors: [],
    witnesses: [],
    guard: createLogGuard({ store: store.publishing, watch, clock: Date.now, alarm: () => {} }),
    watch: {
      ...watch,
      async anchored(of, epoch, server) {
        // The failover happens while the anchors answer.
        if (asked.length === 0) await copy.swap();
        asked.push({ server, signed: (await checkpointOf()) !== undefined });
        return watch.anchored(of, epoch, server);
      },
    },
    logger: createLogger({ name: 'test', level: 'silent' }),
    clock: Date.now,
    timing: { integrateMs: 20, publishMs: 20 },
  });
  const checkpointOf = () => store.published.checkpoint(log);
  publisher.start();
  onTestFinished(() => publisher.stop());
  await waitUntil(checkpointOf);
  const [first, second] = asked;
  expect(second?.server).not.toBe(first?.server);
  expect(asked.slice(0, 2).map(({ signed }) => signed)).toEqual([false, false]);
});
