import { setTimeout as delay } from 'node:timers/promises';
import { type RecantEvent, shardOf } from '@recant/events';
import { disarm } from '@recant/test-support';
import { auditTenant } from '@recant/verifier';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { type Failpoints, PROJECT_FAILPOINTS, type Store, withSnapshot } from '../src/index.ts';
import { effect, type Fixture, Lane, NOW_MS, openFixture, SHARDS, submit } from './fixture.ts';

const TABLES = ['attempt', 'settlement', 'effect', 'observed', 'effect_count'] as const;

const append = ({ store, credential }: Pick<Fixture, 'store' | 'credential'>, events: readonly RecantEvent[]) =>
  store.appender.append(events.map((event) => submit(credential, event)));
const listed = async (store: Store) =>
  (await store.queries.attempts('acme', { selection: {}, limit: 1_000, nowMs: NOW_MS })).attempts.map(({ ref }) => ref.action).sort();
const readWith = async <T>(url: string, read: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return read(client).finally(() => client.end());
};
const rowsOf = ({ ownerUrl }: Fixture): Promise<number> =>
  readWith(ownerUrl, async (client) => {
    const counts = TABLES.map((table) => `(SELECT count(*)::int FROM recant.${table})`);
    return (await client.query<{ n: number }>(`SELECT ${counts.join(' + ')} AS n`)).rows[0]?.n ?? 0;
  });
const audit = (store: Store) => withSnapshot(store.pool, 'acme', (snapshot) => auditTenant('acme', snapshot));
/** Sources of different logs. */
function lanesOfAllLogs(name: string): Lane[] {
  const lanes = new Map<number, Lane>();
  for (let n = 0; lanes.size < SHARDS; n += 1) {
    const lane = new Lane(`${name}-${n}`);
    lanes.set(shardOf('acme', lane.source, SHARDS), lane);
  }
  return [...lanes.entries()].sort(([a], [b]) => a - b).map(([, lane]) => lane);
}

describe('read models', () => {
  it('I2: are made behind the append, and every question about an acknowledged event has it', async () => {
    await using fixture = await openFixture();
    const { store } = fixture;
    const lane = new Lane('behind');
    const next = async (): Promise<string> => {
      const { action, events } = lane.attempt();
      await append(fixture, events);
      return action;
    };
    const first = await next();
    expect(await rowsOf(fixture)).toBe(0);
    expect(await audit(store)).toEqual([]);
    expect(await listed(store)).toEqual([first]);
    const ref = (action: string) => ({ source: lane.source, action, attempt: 1 });
    expect((await store.queries.action('acme', await next(), { nowMs: NOW_MS })).attempts).toHaveLength(1);
    expect(await store.published.receiptPlace('acme', await next(), 1)).toBeDefined();
    expect(await store.fences.callOf('acme', await next())).toMatchObject({ tool: 'reprice' });
    const last = await next();
    const vector = await store.ledgerReader.vector('acme');
    expect(await store.ledgerReader.attempts('acme', [ref(last)], vector)).toMatchObject([{ ref: ref(last), complete: true }]);
    const irreversible = lane.action();
    await append(fixture, [lane.intended(irreversible, { reversibility: 'irreversible' })]);
    expect(await store.queries.repeats('acme', { refs: [ref(irreversible)] }, { nowMs: NOW_MS })).toMatchObject({ compared: 1 });
    const { tail } = await store.queries.attempts('acme', { selection: {}, limit: 1, nowMs: NOW_MS });
    const late = await next();
    const since = await store.queries.attempts('acme', { selection: {}, limit: 9, nowMs: NOW_MS, cursor: tail });
    expect(since.attempts.map(({ ref: { action } }) => action)).toEqual([late]);
    await fixture.expectSound();
  });

  it('grow in bounded transactions, however many entries wait', async () => {
    await using fixture = await openFixture({ shards: 1 });
    const lane = new Lane('many');
    for (let batch = 0; batch < 3; batch += 1)
      await append(
        fixture,
        Array.from({ length: 1_500 }, () => lane.intended(lane.action())),
      );
    const committed: string[] = [];
    const other = fixture.open({ shards: 1, failpoints: (name) => committed.push(name) });
    await other.projection.catchUp(() => false);
    expect(committed.filter((name) => name === 'projecting.before')).toHaveLength(3);
    expect(await rowsOf(fixture)).toBe(4_500);
    expect(await audit(fixture.store)).toEqual([]);
  });

  it('are made once by processes that fold at the same time, while events arrive', async () => {
    await using fixture = await openFixture();
    const lanes = lanesOfAllLogs('together');
    const others = [fixture.open(), fixture.open(), fixture.open()];
    let isDone = false;
    const folding = others.map(async (store) => {
      while (!isDone) await store.projection.catchUp(() => false);
    });
    const actions: string[] = [];
    for (let n = 0; n < 20; n += 1) {
      const attempts = lanes.map((lane) => lane.attempt(`filesystem://shop/orders/${n}`));
      await append(
        fixture,
        attempts.flatMap(({ events }) => events),
      );
      actions.push(...attempts.map(({ action }) => action));
      if (n % 5 === 0) expect(await listed(fixture.store)).toEqual(actions.toSorted());
    }
    isDone = true;
    await Promise.all(folding);
    expect(await listed(fixture.store)).toEqual(actions.toSorted());
    await fixture.expectSound();
  });

  it.each(PROJECT_FAILPOINTS)('are complete, and have no row twice, after a process ended at %s', async (at) => {
    await using fixture = await openFixture();
    let left = 3;
    const failpoints: Failpoints = (name) => {
      if (name === at && left-- > 0) throw new Error('the process ends here');
    };
    const failing = fixture.open({ failpoints });
    const lanes = lanesOfAllLogs('killed');
    const actions: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      const attempts = lanes.map((lane) => lane.attempt());
      await append(
        fixture,
        attempts.flatMap(({ events }) => events),
      );
      actions.push(...attempts.map(({ action }) => action));
      await failing.projection.catchUp(() => false).catch(() => undefined);
    }
    expect(await listed(fixture.store)).toEqual(actions.toSorted());
    await fixture.expectSound();
  });

  it('I4: of one log stop at rows that PostgreSQL refuses; those of others go on, and nothing leaves the entry out', async () => {
    await using fixture = await openFixture();
    const { store } = fixture;
    const [bad, good] = lanesOfAllLogs('refused') as [Lane, Lane];
    const alter = (sql: string) => readWith(fixture.ownerUrl, (client) => client.query(sql));
    await alter("ALTER TABLE recant.attempt ADD CONSTRAINT no_poison CHECK (tool <> 'poison')");
    const before = Array.from({ length: 11 }, () => bad.attempt().events).flat();
    const poison = bad.intended(bad.action(), { tool: 'poison' });
    await append(fixture, [...before, poison, ...bad.attempt().events, ...good.attempt().events]);
    await store.projection.catchUp(() => false);
    expect(store.projection.stopped()).toMatchObject([{ log: { tenant: 'acme', shard: 0 }, index: 34n }]);
    expect(store.projection.stopped()[0]?.message).toMatch(/^Entry 34 of log acme\/0 has rows that PostgreSQL refuses \(SQLSTATE 23514\)/);
    expect(await rowsOf(fixture)).toBe(12 * 5);
    const refused = { code: 'projection_behind', retry: true, message: expect.stringContaining('stopped at entry 34') };
    await expect(listed(store)).rejects.toMatchObject(refused);
    await expect(store.ledgerReader.vector('acme')).rejects.toMatchObject(refused);
    // Recording goes on, as do the alarms that need no read model.
    await append(fixture, good.attempt().events);
    await store.alarms.watchLogs(() => false);
    expect(await audit(store)).toEqual([]);
    await alter('ALTER TABLE recant.attempt DROP CONSTRAINT no_poison');
    // Another process: this one tries the log again after a pause.
    const other = fixture.open();
    expect(await listed(other)).toHaveLength(15);
    await store.projection.catchUp(() => false);
    expect(store.projection.stopped()).toEqual([]);
    expect(await listed(store)).toHaveLength(15);
    await fixture.expectSound();
  });

  it.each([
    ['bytes that are no entry', "UPDATE recant.entry SET frame = '\\x00' WHERE idx = 2", /^Entry 2 .* cannot be read/],
    ['a body that is no event', 'UPDATE recant.entry SET frame = substr(frame, 1, 60) WHERE idx = 2', /^Entry 2 .* cannot be read/],
    ['a missing entry', 'DELETE FROM recant.entry WHERE idx = 2', /^Entry 2 .* is missing$/],
    ['a missing end', 'DELETE FROM recant.entry WHERE idx >= 2', /^Entry 2 .* is missing$/],
  ])('stop at %s', async (_, tampering, message) => {
    await using fixture = await openFixture({ shards: 1 });
    await append(fixture, new Lane('tampered').attempt().events);
    await readWith(fixture.ownerUrl, async (client) => {
      await disarm(client);
      await client.query(tampering);
    });
    await fixture.store.projection.catchUp(() => false);
    expect(fixture.store.projection.stopped().map((fault) => fault.message)).toEqual([expect.stringMatching(message)]);
    await expect(listed(fixture.store)).rejects.toMatchObject({ code: 'projection_behind' });
  });

  it('that somebody else completes are waited for, and no longer than allowed', async () => {
    await using fixture = await openFixture({ shards: 1, reachMs: 60_000 });
    const impatient = fixture.open({ shards: 1, reachMs: 50 });
    const lane = new Lane('waiting');
    await append(fixture, lane.attempt().events);
    expect(await listed(fixture.store)).toHaveLength(1);
    await append(fixture, lane.attempt().events);
    const holder = new pg.Client({ connectionString: fixture.ownerUrl });
    await holder.connect();
    await holder.query('BEGIN; SELECT FROM recant.projected FOR UPDATE');
    await expect(listed(impatient)).rejects.toMatchObject({ code: 'projection_behind', retry: true });
    // The loop does not wait for it.
    await fixture.store.projection.catchUp(() => false);
    const waiting = listed(fixture.store);
    await expect(Promise.race([waiting, delay(0, 'waits')])).resolves.toBe('waits');
    await holder.query('COMMIT');
    await holder.end();
    expect(await waiting).toHaveLength(2);
    await fixture.expectSound();
  });

  it('take whatever an event may contain', async () => {
    await using fixture = await openFixture();
    const { store } = fixture;
    const own = await store.credentials.create({
      tenant: 'acme',
      roles: ['rollback'],
      sourcePrefix: 'recant://recant',
      agents: ['*'],
      resources: [],
    });
    const name = '\u{10ffff}'.repeat(64);
    const resource = `filesystem://${'s'.repeat(64)}/`.padEnd(1_024, 'r');
    const lane = new Lane('x'.repeat(256 - 'recant://acme/'.length), `agent-${'é'.repeat(125)}`);
    const inverse = Object.assign(new Lane('run', 'a'.repeat(256)), { source: 'recant://recant/'.padEnd(256, 'y') });
    const most = 2 ** 31 - 1;
    const action = lane.action();
    const extremes = { tool: name, resources: [resource], deadlineMs: 31_622_400_000, context: { session: name } };
    const intended = lane.intended(action, extremes, most);
    const far = '9999-12-31T23:59:59.999Z';
    const near = '1970-01-01T00:00:00.000Z';
    const trace = { traceparent: `00-${'f'.repeat(32)}-${'f'.repeat(16)}-ff` };
    const settled = lane.settled(action, [], 'succeeded', most);
    const outcome = { chunks: 100_000, effects: Number.MAX_SAFE_INTEGER, durationMs: 31_622_400_000 };
    const inverts = { source: name, action, attempt: most, run: 'r'.repeat(128), step: most };
    const at = { from: near, to: far, chunk: 99_999, chunks: 100_000 };
    const data = {
      action,
      attempt: most,
      of: name,
      system: 's'.repeat(64),
      transaction: '9999999999/99999999999999999999',
      login: name,
      agent: name,
    };
    const effects = [effect(`postgres://${'s'.repeat(64)}/`.padEnd(1_024, 'r'), '9'.repeat(39))];
    const id = `${action}.${most}.observed.${data.system}.${data.transaction.replace('/', '-')}.99999`;
    const events = [
      { ...intended, ...trace, time: far },
      { ...lane.effects(action, [effect(resource, '9'.repeat(39))], 99_999, most), time: near },
      { ...settled, time: near, data: { ...settled.data, ...outcome } },
    ] as RecantEvent[];
    const acts = [
      inverse.intended(inverse.action(), { ...extremes, inverts }, most),
      inverse.event({ id, type: 'recant.attempt.observed.v1', data: { ...data, ...at, effects } } as never),
    ];
    const receipts = [...(await append(fixture, events)), ...(await append({ store, credential: own.credential }, acts))];
    expect(receipts.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'appended'));
    await store.projection.catchUp(() => false);
    expect(store.projection.stopped()).toEqual([]);
    expect(await listed(store)).toHaveLength(2);
    await fixture.expectSound();
  });
});
