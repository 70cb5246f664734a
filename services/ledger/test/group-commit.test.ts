import { ApiFault } from '@recant/api';
import type { Appender, Credential, Submission } from '@recant/ledger';
import { waitUntil } from '@recant/test-support';
import { afterEach, expect, test } from 'vitest';
import { createGroupCommit } from '../src/group-commit.ts';
import { type RunningLedger, startLedger } from './harness.ts';
import { TestSource } from './producer.ts';

let ledger: RunningLedger | undefined;
afterEach(async () => {
  await ledger?.stop();
  ledger = undefined;
});

const agent: Credential = { tenant: 't', keyId: 'k', roles: ['emit'], sourcePrefix: 'recant://', agents: ['*'], resources: [] };
const operator: Credential = { ...agent, roles: ['rollback'] };
const of = (credential: Credential, size = 10): Submission => ({ credential, bytes: new Uint8Array(size), origin: 'http' });

/** An appender whose commits the test releases. */
function heldAppender(): { appender: Appender; batches: number[]; release(error?: Error): Promise<void> } {
  const batches: number[] = [];
  let waiting: PromiseWithResolvers<void> | undefined;
  const appender: Appender = {
    async append(batch) {
      batches.push(batch.length);
      waiting = Promise.withResolvers();
      await waiting.promise;
      return batch.map((_, n) => ({ kind: 'appended', shard: 0, index: BigInt(n) }));
    },
  };
  const release = async (error?: Error) => {
    const held = await waitUntil(() => waiting);
    waiting = undefined;
    if (error) held.reject(error);
    else held.resolve();
  };
  return { appender, batches, release };
}

test('requests that arrive during a transaction share the next one, each with its own receipts', async () => {
  const { appender, batches, release } = heldAppender();
  const group = createGroupCommit(appender);
  const first = group.submit([of(agent)]);
  const second = group.submit([of(agent), of(agent)]);
  const third = group.submit([of(agent)]);
  await release();
  await first;
  await release();
  expect(batches).toEqual([1, 3]);
  expect((await second).map((receipt) => 'index' in receipt && receipt.index)).toEqual([0n, 1n]);
  expect((await third).map((receipt) => 'index' in receipt && receipt.index)).toEqual([2n]);
  expect(group.waitingBytes).toBe(0);
});

test('above its limit it refuses with a code, reserves a part for operators, and accepts again when drained', async () => {
  const { appender, release } = heldAppender();
  const group = createGroupCommit(appender, { waitingBytesMax: 1_000, waitingBytesReserved: 400 });
  const first = group.submit([of(agent, 300)]);
  await expect(group.submit([of(agent, 1)])).rejects.toMatchObject({ code: 'overloaded' });
  const operators = group.submit([of(operator, 700)]);
  await release();
  await first;
  await release();
  await operators;
  const next = group.submit([of(agent, 300)]);
  await release();
  await next;
});

test('a tenant uses no more of the queue than is free, and its error discloses nothing about others', async () => {
  const { appender, release } = heldAppender();
  const group = createGroupCommit(appender, { waitingBytesMax: 1_200, waitingBytesReserved: 0 });
  const waiting = [group.submit([of(agent, 600)])];
  const full = await group.submit([of(agent, 1)]).catch((error: ApiFault) => error);
  for (const [tenant, bytes] of [
    ['b', 300],
    ['c', 150],
  ] as const)
    waiting.push(group.submit([of({ ...agent, tenant }, bytes)]));
  const crowded = await group.submit([of({ ...agent, tenant: 'd' }, 76)]).catch((error: ApiFault) => error);
  expect([full, crowded]).toMatchObject([{ code: 'overloaded' }, { code: 'overloaded' }]);
  expect((crowded as ApiFault).message).toBe((full as ApiFault).message);
  waiting.push(group.submit([of({ ...agent, tenant: 'd' }, 75)]));
  await release();
  await release();
  await Promise.all(waiting);
});

test('tenants take turns regardless of volume, and operators do not wait behind agents', async () => {
  const { appender, batches, release } = heldAppender();
  const group = createGroupCommit(appender);
  const ended: string[] = [];
  const send = (name: string, credential: Credential, events: number) =>
    group.submit(Array.from({ length: events }, () => of(credential))).then(() => void ended.push(name));
  const all = [send('running', agent, 1)];
  for (let n = 0; n < 4; n++) all.push(send(`flood ${n}`, agent, 1_500));
  all.push(send('other', { ...agent, tenant: 'b' }, 1), send('operator', operator, 1));
  for (let n = 0; n < 5; n++) await release();
  await Promise.all(all);
  expect(batches).toEqual([1, 1_502, 1_500, 1_500, 1_500]);
  expect(ended).toEqual(['running', 'flood 0', 'other', 'operator', 'flood 1', 'flood 2', 'flood 3']);
});

test('a store error reaches exactly the requests of that transaction', async () => {
  const { appender, release } = heldAppender();
  const group = createGroupCommit(appender);
  const failing = group.submit([of(agent)]);
  const next = group.submit([of(agent)]);
  await Promise.all([expect(failing).rejects.toThrow('away'), release(new Error('away'))]);
  await release();
  await expect(next).resolves.toHaveLength(1);
});

test('once closed it refuses new requests and answers the queued ones', async () => {
  const { appender, release } = heldAppender();
  const group = createGroupCommit(appender);
  const waiting = group.submit([of(agent)]);
  const closed = group.close();
  await expect(group.submit([of(agent)])).rejects.toBeInstanceOf(ApiFault);
  await release();
  await closed;
  await expect(waiting).resolves.toHaveLength(1);
});

test('a hundred concurrent requests become few transactions that preserve source order', async () => {
  ledger = await startLedger();
  const running = ledger;
  const source = new TestSource();
  const { rows: before } = await running.store.pool.query('SELECT pg_current_xact_id()::text AS id');
  const receipts = await Promise.all(Array.from({ length: 100 }, () => running.agents.submitEvent(source.intended().bytes)));
  const { rows: after } = await running.store.pool.query('SELECT pg_current_xact_id()::text AS id');
  expect(new Set(receipts.map(({ index }) => index)).size).toBe(100);
  expect(Number(after[0].id) - Number(before[0].id)).toBeLessThan(60);
  expect(await running.audit()).toEqual([]);
});

test('I4: a commit that hangs delays no other tenant; requests of its own tenant wait for it, in order', async () => {
  const stuck = Promise.withResolvers<void>();
  const appended: string[] = [];
  const appender: Appender = {
    async append(batch) {
      const tenants = batch.map(({ credential }) => credential?.tenant ?? '');
      appended.push(tenants.join());
      if (appended.length === 1) await stuck.promise;
      return batch.map((_, n) => ({ kind: 'appended', shard: 0, index: BigInt(n) }));
    },
  };
  const group = createGroupCommit(appender);
  const first = group.submit([of(agent)]);
  const second = group.submit([of(agent)]);
  for (let n = 0; n < 3; n += 1) await group.submit([of({ ...agent, tenant: 'b' })]);
  await group.submit([of(operator)]);
  expect(appended).toEqual(['t', 'b', 'b', 'b', 't']);
  stuck.resolve();
  await Promise.all([first, second]);
  expect(appended).toEqual(['t', 'b', 'b', 'b', 't', 't']);
  const closed = group.close();
  await closed;
  expect(group.waitingBytes).toBe(0);
});
