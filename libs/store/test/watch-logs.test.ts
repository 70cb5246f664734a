import { eventId, type RecantEvent, uuidv7 } from '@recant/events';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAlarms } from '../src/alarms/alarms.ts';
import { GAP_MS } from '../src/alarms/watch-logs.ts';
import type { Store } from '../src/index.ts';
import { changed } from './changed.ts';
import { type Fixture, Lane, NOW_MS, openFixture, submit } from './fixture.ts';

const LEASE_MS = 30_000;
let fixture: Fixture;
let nowMs = NOW_MS;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(async () => {
  await fixture.expectSound();
  await fixture[Symbol.asyncDispose]();
});

const pass = (ms: number): void => {
  nowMs += ms;
  fixture.setNow(nowMs);
};
const append = (...events: readonly RecantEvent[]) =>
  fixture.store.appender.append(events.map((event) => submit(fixture.credential, event)));
const watch = (store: Pick<Store, 'alarms'> = fixture.store) => store.alarms.watchLogs(() => false);
const opened = (lane: Lane): RecantEvent =>
  lane.event({ id: eventId.opened(), type: 'recant.source.opened.v1', data: { sdk: 'test', leaseMs: LEASE_MS } });
const closed = (lane: Lane): RecantEvent => lane.event({ id: eventId.closed(), type: 'recant.source.closed.v1', data: { reason: 'done' } });
const intents = (lane: Lane, count: number): RecantEvent[] => Array.from({ length: count }, () => lane.intended(lane.action()));
async function alarmsOf({ source }: Lane): Promise<string[]> {
  const { alarms } = await fixture.store.alarms.list('acme', { limit: 500, open: true });
  return alarms.filter(({ subject }) => subject === source).map(({ code, detail }) => `${code}: ${detail}`);
}

test('I2: a gap is an alarm once it has lasted, names the numbers, and ends when they arrive in any order and batches', async () => {
  const lane = new Lane('gap');
  const events = [opened(lane), ...intents(lane, 11)];
  const pick = (...numbers: readonly number[]) => append(...numbers.map((n) => events[n - 1] as RecantEvent));
  await pick(1, 2, 3, 6, 9);
  await watch();
  expect(await alarmsOf(lane)).toEqual([]);
  pass(GAP_MS);
  await Promise.all([watch(), watch(fixture.open()), watch(fixture.open())]);
  expect(await alarmsOf(lane)).toEqual(['source_gap: 4 missing: 4–5, 7–8.']);
  await pick(4, 8, 12);
  await watch();
  expect(await alarmsOf(lane)).toEqual(['source_gap: 4 missing: 5, 7, 10–11.']);
  await pick(11, 5, 5, 10);
  await watch();
  expect(await alarmsOf(lane)).toEqual(['source_gap: 1 missing: 7.']);
  await pick(7);
  await watch();
  expect(await alarmsOf(lane)).toEqual([]);
});

test('an overtaken batch within the delay raises nothing', async () => {
  const lane = new Lane('overtaken');
  const [first, ...rest] = [opened(lane), ...intents(lane, 3)] as [RecantEvent, ...RecantEvent[]];
  await append(...rest);
  await watch();
  await append(first);
  await watch();
  pass(GAP_MS);
  await watch();
  expect(await alarmsOf(lane)).toEqual([]);
});

test('a source that skips every second number keeps a bounded row, and its alarm lasts', async () => {
  const lane = new Lane('every-second');
  const all = [opened(lane), ...intents(lane, 5_000)];
  for (let from = 0; from < all.length; from += 1_000) await append(...all.slice(from, from + 1_000).filter((_, n) => n % 2 === 0));
  await watch();
  pass(GAP_MS);
  await watch();
  expect(await alarmsOf(lane)).toEqual([expect.stringMatching(/^source_gap: \d+ missing: 2, 4, .*, 20, and 991 more ranges\.$/)]);
  const { rows } = await fixture.store.pool.query('SELECT max(pg_column_size(missing)) AS bytes FROM recant.source_watch');
  expect(rows[0].bytes).toBeLessThan(40_000);
});

test('a silent source is an alarm after its lease, and ends when it speaks, closes, or starts again under a new id', async () => {
  const id = (n: number) => uuidv7(NOW_MS, new Uint8Array(16).fill(n));
  const [speaks, closes, restarts, other] = [new Lane('speaks'), new Lane('closes'), new Lane(`bot/${id(1)}`), new Lane(`boot/${id(1)}`)];
  const all = [speaks, closes, restarts, other];
  for (const lane of all) await append(opened(lane));
  await watch();
  pass(LEASE_MS);
  await watch();
  for (const lane of all) expect(await alarmsOf(lane)).toEqual([]);
  pass(1);
  await watch();
  const at = new Date(nowMs - LEASE_MS - 1).toISOString();
  for (const lane of all)
    expect(await alarmsOf(lane)).toEqual([`source_lost: No event since ${at}; it announced one every 30 s and did not close.`]);
  await append(...intents(speaks, 1));
  await append(closed(closes));
  const successor = new Lane(`bot/${id(2)}`);
  await append(opened(successor));
  await watch();
  for (const lane of [speaks, closes, restarts, successor]) expect(await alarmsOf(lane)).toEqual([]);
  expect(await alarmsOf(other)).toHaveLength(1);
  pass(LEASE_MS * 10);
  await watch();
  expect(await alarmsOf(closes)).toEqual([]);
  expect(await alarmsOf(restarts)).toEqual([]);
  for (const lane of [speaks, successor]) expect(await alarmsOf(lane)).toHaveLength(1);
});

test('a killed process that starts again within its lease raises no alarm, which nothing would end; its own end does', async () => {
  const id = (n: number) => uuidv7(NOW_MS, new Uint8Array(16).fill(n));
  const [killed, next, alone] = [new Lane(`quick/${id(1)}`), new Lane(`quick/${id(2)}`), new Lane(`slow/${id(1)}`)];
  await append(opened(killed));
  await append(opened(alone));
  await watch();
  await append(opened(next), closed(next));
  await watch();
  pass(LEASE_MS + 1);
  await watch();
  expect(await alarmsOf(killed)).toEqual([]);
  expect(await alarmsOf(alone)).toHaveLength(1);
  // The silence of the last process is nobody's else.
  const last = new Lane(`quick/${id(3)}`);
  await append(opened(last));
  pass(LEASE_MS + 1);
  await watch();
  await watch();
  expect(await alarmsOf(killed)).toEqual([]);
  expect(await alarmsOf(last)).toHaveLength(1);
});

test('refused messages are one alarm for each code, which ends by itself', async () => {
  const lane = new Lane('letters');
  const event = opened(lane);
  await append(event);
  await append(changed(event));
  await watch();
  const letters = async () =>
    (await fixture.store.alarms.list('acme', { limit: 500, open: true })).alarms.filter(({ code }) => code === 'dead_letters');
  expect(await letters()).toMatchObject([
    {
      subject: 'equivocation',
      detail: 'Messages were refused: Event id already used.',
      action: expect.stringContaining('code=equivocation'),
    },
  ]);
  pass(15 * 60_000 + 1);
  await fixture.store.alarms.expire();
  expect(await letters()).toEqual([]);
});

test('what one round reads follows the new entries, not the history', async () => {
  const lane = new Lane('history');
  await append(opened(lane), ...intents(lane, 1_900));
  await watch();
  // One connection: a session reports its statistics only for itself.
  const pool = new pg.Pool({ connectionString: fixture.url, max: 1, options: '-c role=recant_writer' });
  const single = { pool, alarms: createAlarms(pool, fixture.store.projection, () => nowMs) };
  const scanned = async (): Promise<number> => {
    await single.pool.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await single.pool.query(
      `SELECT sum(idx_tup_fetch + seq_tup_read)::int AS rows FROM pg_stat_user_tables WHERE schemaname = 'recant' AND relname IN ('entry', 'dead_letter')`,
    );
    return rows[0].rows;
  };
  const roundOf = async (count: number): Promise<number> => {
    await append(...intents(lane, count));
    const before = await scanned();
    await watch(single);
    return (await scanned()) - before;
  };
  expect(await roundOf(1_000)).toBeGreaterThanOrEqual(1_000);
  expect(await roundOf(1)).toBeLessThan(20);
  await pool.end();
});
