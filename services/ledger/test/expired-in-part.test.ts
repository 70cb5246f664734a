import { shardOf } from '@recant/events';
import { createStore } from '@recant/store';
import { testLedgerDatabase } from '@recant/test-support';
import { expect, onTestFinished, test } from 'vitest';
import { SHARDS, startLedger, TENANT } from './harness.ts';
import { TestSource } from './producer.ts';

const HOUR_MS = 3_600_000;

test('a key that has expired for one log and not for another: a batch of the first is 401, one of the second is recorded', async () => {
  const database = await testLedgerDatabase();
  onTestFinished(() => database.drop());
  const masterKey = new Uint8Array(32).fill(4);
  const ledger = await startLedger({ databaseUrl: database.url, masterKey });
  onTestFinished(() => ledger.stop());
  const source = (late: boolean): TestSource => {
    for (;;) {
      const made = new TestSource('bot');
      if ((shardOf(TENANT, made.source, SHARDS) === 0) === late) return made;
    }
  };
  // A replica whose clock is an hour ahead: from then on the time of this log is, too.
  const ahead = createStore({ connectionString: database.url, masterKey, shards: SHARDS, clock: () => Date.now() + HOUR_MS });
  const { credential } = await ledger.makeKey();
  await ahead.appender.append([{ credential, bytes: source(true).intended().bytes, origin: 'http' }]);
  await ahead.close();

  const { apiKey } = await ledger.makeKey({ expiresAtMs: Date.now() + HOUR_MS / 2 });
  const client = ledger.client(apiKey);
  const [kept, refused] = [source(false), source(true)];
  const first = kept.intended();
  expect(await client.submitBatch([first.bytes])).toMatchObject([{ kind: 'appended' }]);
  expect((await ledger.operator.action(first.action)).attempts).toHaveLength(1);
  await expect(client.submitBatch([refused.intended().bytes, refused.intended().bytes])).rejects.toMatchObject({ status: 401 });
  expect(await ledger.audit()).toEqual([]);
});
