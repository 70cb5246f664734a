import type { DrainBatch, DrainContext, TargetSystem } from '@recant/connector';
import { decodeEvent, type EventOf, isUuidV7, type RecantEvent } from '@recant/events';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createDrain } from '../src/drain/drain.ts';
import { createStage, nextAction, type Stage, SYSTEM, undo, undoOne } from './stage.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL); INSERT INTO items SELECT n, 'a' FROM generate_series(1, 50) n;
  CREATE TABLE notes (line text)`;

/** Stands for the ledger: keeps every event by source and number, and refuses other bytes under a known number. */
function createRecorder() {
  const recorded = new Map<string, Buffer>();
  const numbers = new Map<string, number>();
  const context = (over: Partial<DrainContext> = {}): DrainContext => ({
    sourcePrefix: 'recant://recant',
    nowMs: Date.now(),
    recorded: async (source) => numbers.get(source) ?? 0,
    ...over,
  });
  return {
    context,
    record({ events }: DrainBatch) {
      for (const bytes of events) {
        const { source, sequence } = eventOf(bytes);
        const key = `${source} ${sequence}`;
        const known = recorded.get(key);
        if (known !== undefined) expect(Buffer.from(bytes).equals(known), key).toBe(true);
        else expect(Number(sequence), key).toBe((numbers.get(source) ?? 0) + 1);
        recorded.set(key, Buffer.from(bytes));
        numbers.set(source, Math.max(numbers.get(source) ?? 0, Number(sequence)));
      }
    },
    get events() {
      return [...recorded.values()].map(eventOf);
    },
  };
}

function eventOf(bytes: Uint8Array): RecantEvent {
  const decoded = decodeEvent(bytes);
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.event;
}

type Recorder = ReturnType<typeof createRecorder>;
type Observed = EventOf<'recant.attempt.observed.v1'>;
const observedIn = (recorder: Recorder): Observed['data'][] =>
  recorder.events.flatMap((event) => (event.type === 'recant.attempt.observed.v1' ? [event.data] : []));
const drainOf = (target: TargetSystem) => {
  if (target.drain === undefined) throw new Error('the target has no drain');
  return target.drain;
};

async function drainAll(target: TargetSystem, recorder: Recorder): Promise<void> {
  const drain = drainOf(target);
  for (;;) {
    const { batch } = await drain.next(recorder.context());
    if (batch === undefined) return;
    recorder.record(batch);
    await drain.confirm(batch);
  }
}

const played = (stage: Stage, agent: number, ...statements: string[]) =>
  stage.play(agent, async (tx) => {
    for (const statement of statements) await tx.query(statement);
  });

test('I14: what the target observed of a named attempt are exactly its effects, in its order', async () => {
  await using stage = await createStage(ITEMS);
  const target = await stage.open();
  const recorder = createRecorder();
  const { ref, effects } = await played(stage, 0, `UPDATE items SET name = 'b' WHERE id <= 3`, `DELETE FROM items WHERE id = 1`);
  await drainAll(target, recorder);
  const [event] = observedIn(recorder);
  expect(event).toMatchObject({
    action: ref.action,
    attempt: 1,
    of: ref.source,
    system: SYSTEM,
    login: stage.agents[0],
    chunk: 0,
    chunks: 1,
  });
  expect(event?.effects).toEqual(effects);
  expect(recorder.events.map(({ type }) => type)).toEqual(['recant.source.opened.v1', 'recant.attempt.observed.v1']);
  expect(await drainOf(target).isIdle(Date.now())).toBe(true);
});

test('I14: a transaction that an agent leaves open after it opened, named and settled attempts delays neither drain nor undo', async () => {
  await using stage = await createStage(ITEMS);
  const bad = await played(stage, 0, `UPDATE items SET name = 'x' WHERE id = 1`);
  const client = await (stage.pools[0] as NonNullable<(typeof stage.pools)[0]>).connect();
  const named = [bad.ref.source, nextAction(), 1];
  await client.query('SELECT recant.open_attempt($1, $2, $3)', named);
  await client.query('BEGIN');
  await client.query('SELECT recant.name_attempt($1, $2, $3)', named);
  await client.query(`UPDATE items SET name = 'y' WHERE id = 2`);
  await client.query('SELECT recant.settle_attempt($1, $2, $3)', named);
  await client.query('SELECT recant.settle_attempt($1, $2, $3)', [bad.ref.source, bad.ref.action, 1]);
  await client.query('SELECT recant.open_attempt($1, $2, $3)', [bad.ref.source, nextAction(), 1]);
  await stage.owner.query(
    `ALTER DATABASE ${(await stage.owner.query('SELECT current_database() AS name')).rows[0].name} SET lock_timeout = '5s'`,
  );
  const target = await stage.open();
  const recorder = createRecorder();
  await drainAll(target, recorder);
  expect(observedIn(recorder)).toMatchObject([{ action: bad.ref.action }]);
  expect(await undoOne(target, bad)).toMatchObject({ outcome: 'restored' });
  await client.query('COMMIT');
  client.release();
  await drainAll(target, recorder);
  expect(observedIn(recorder).at(-1)).toMatchObject({ action: named[1], effects: [{ resource: `postgres://${SYSTEM}/public.items/2` }] });
});

test('I14: an unnamed transaction of an agent’s login is an attempt of its agent, and can be undone', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  await stage.prepare({ agentRoles: [{ role: stage.agents[0] ?? '', agent: 'pricing' }] });
  const before = (await stage.owner.query('SELECT * FROM items ORDER BY id')).rows;
  const [pool] = stage.pools;
  await pool?.query(`UPDATE items SET name = 'x' WHERE id <= 2`);
  await pool?.query(`BEGIN; INSERT INTO items VALUES (99, 'n'); DELETE FROM items WHERE id = 7; COMMIT`);
  const target = await stage.open();
  const recorder = createRecorder();
  await drainAll(target, recorder);
  const observed = observedIn(recorder);
  expect(observed).toMatchObject([
    { agent: 'pricing', attempt: 1, effects: [{ operation: 'update' }, { operation: 'update' }] },
    { agent: 'pricing', attempt: 1, effects: [{ operation: 'insert' }, { operation: 'delete' }] },
  ]);
  for (const { action, of } of observed) expect([isUuidV7(action), of]).toEqual([true, undefined]);
  const source = recorder.events[0]?.source ?? '';
  const attempts = observed.map(({ action, effects }) => ({ ref: { source, action, attempt: 1 }, effects })).reverse();
  expect((await target.invert(undo(attempts))).map(({ outcome }) => outcome)).toEqual(['restored', 'restored']);
  expect((await stage.owner.query('SELECT * FROM items ORDER BY id')).rows).toEqual(before);
  // Inverses are reported by their run.
  await drainAll(target, recorder);
  expect(observedIn(recorder)).toHaveLength(2);
});

test('outside writers and tables without a key are counted, without images', async () => {
  await using stage = await createStage(ITEMS);
  const target = await stage.open();
  const recorder = createRecorder();
  await stage.owner.query(`BEGIN; UPDATE items SET name = 'o' WHERE id <= 4; INSERT INTO notes VALUES ('secret'); COMMIT`);
  await played(stage, 0, `INSERT INTO notes VALUES ('mine'), ('mine')`, `UPDATE items SET name = 'z' WHERE id = 9`);
  await drainAll(target, recorder);
  const [outside, effects, keyless] = observedIn(recorder);
  expect(outside).toMatchObject({
    effects: [],
    counted: [
      { table: 'public.items', changes: 4 },
      { table: 'public.notes', changes: 1 },
    ],
  });
  expect(outside).not.toHaveProperty('agent');
  expect(effects).toMatchObject({ chunk: 0, chunks: 2, effects: [{ resource: 'postgres://shop/public.items/9' }] });
  expect(keyless).toMatchObject({ chunk: 1, chunks: 2, effects: [], counted: [{ table: 'public.notes', changes: 2, unknown: true }] });
  expect(JSON.stringify(recorder.events)).not.toMatch(/secret|mine/);
});

test('a transaction larger than one event, and larger than one batch, is split and complete', async () => {
  await using stage = await createStage(
    `CREATE TABLE wide (id int PRIMARY KEY, ${Array.from({ length: 40 }, (_, n) => `c${n} int DEFAULT 0`).join(', ')})`,
  );
  const target = await stage.open();
  const recorder = createRecorder();
  const { effects } = await played(stage, 0, 'INSERT INTO wide SELECT generate_series(1, 700)');
  const drain = drainOf(target);
  let batches = 0;
  for (let state = await drain.next(recorder.context()); state.batch !== undefined; state = await drain.next(recorder.context())) {
    batches += 1;
    recorder.record(state.batch);
    await drain.confirm(state.batch);
  }
  const chunks = observedIn(recorder);
  expect(batches).toBeGreaterThan(1);
  expect(chunks.map(({ chunk }) => chunk)).toEqual(chunks.map((_, n) => n));
  expect(new Set(chunks.map((one) => one.chunks))).toEqual(new Set([chunks.length]));
  expect(chunks.flatMap((one) => one.effects)).toEqual(effects);
});

test('two drains at once, and appending applications, lose and repeat nothing', async () => {
  await using stage = await createStage(ITEMS);
  const targets = [await stage.open(), await stage.open()];
  const recorder = createRecorder();
  let isWriting = true;
  const writing = Promise.all(
    stage.pools.map(async (pool) => {
      for (let n = 0; n < 40; n += 1) await pool.query(`UPDATE items SET name = $1 WHERE id = $2`, [`${n}`, (n % 50) + 1]);
    }),
  ).finally(() => {
    isWriting = false;
  });
  const drainWhile = async (target: TargetSystem) => {
    do await drainAll(target, recorder);
    while (isWriting);
  };
  await Promise.all([writing, ...targets.map(drainWhile)]);
  await drainAll(targets[0] as TargetSystem, recorder);
  expect(observedIn(recorder).flatMap(({ effects }) => effects)).toHaveLength(80);
});

/** Ends the connection at its n-th statement, counted over all connections of a drain. */
function dyingPool(url: string, at: number): pg.Pool & { readonly died: () => boolean } {
  let statements = 0;
  const pool = new pg.Pool({ connectionString: url, max: 1 }).on('error', () => undefined);
  const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
  return Object.assign(pool, {
    died: () => statements >= at,
    async connect() {
      const client = await connect();
      const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
      return Object.assign(Object.create(client) as pg.PoolClient, {
        async query(...args: unknown[]) {
          statements += 1;
          if (statements !== at) return query(...args);
          // Killed after the server carried it out and before the answer: the worse half.
          await query(...args);
          throw Object.assign(new Error('terminated'), { code: '57P01' });
        },
        release: () => client.release(statements >= at),
      });
    },
  } as never);
}

test('I2: a drain killed at any statement repeats the same bytes under the same numbers', async () => {
  await using stage = await createStage(ITEMS);
  const recorder = createRecorder();
  for (let at = 1, alive = false; !alive; at += 1) {
    await stage.pools[0]?.query(`UPDATE items SET name = $1 WHERE id = 1`, [`${at}`]);
    const pool = dyingPool(stage.ownerUrl, at);
    const drain = createDrain(pool, SYSTEM);
    try {
      for (let state = await drain.next(recorder.context()); state.batch !== undefined; state = await drain.next(recorder.context())) {
        recorder.record(state.batch);
        await drain.confirm(state.batch);
      }
      alive = !pool.died();
    } catch (error) {
      expect((error as Error).message).toMatch(/terminated/);
    }
    await pool.end();
    if (alive) expect(observedIn(recorder)).toHaveLength(at);
  }
  expect(new Set(observedIn(recorder).map(({ action }) => action)).size).toBe(observedIn(recorder).length);
});

test('a clean failover starts a new capture epoch; a lost tail stops the drain until a person adopts it', async () => {
  await using stage = await createStage(ITEMS);
  const recorder = createRecorder();
  const target = await stage.open();
  const write = () => stage.pools[0]?.query(`UPDATE items SET name = name || '.' WHERE id = 1`);
  await write();
  await drainAll(target, recorder);
  await stage.owner.query(`UPDATE recant.system SET timeline = '00000000'`);
  await write();
  await drainAll(target, recorder);
  expect(recorder.events.map(({ source, type }) => [source.slice(-1), type.split('.').slice(1, 3).join('.')])).toEqual([
    ['1', 'source.opened'],
    ['1', 'attempt.observed'],
    ['1', 'source.closed'],
    ['2', 'source.opened'],
    ['2', 'attempt.observed'],
  ]);
  expect(observedIn(recorder).map(({ transaction }) => transaction.split('/')[0])).toEqual(['1', '2']);
  // A restored copy remembers an earlier state than the ledger; it is a server of its own.
  await stage.owner.query(`UPDATE recant.stream SET sequence_next = 2 WHERE epoch = 2`);
  const restored = await stage.open();
  await write();
  await expect(drainAll(restored, recorder)).rejects.toMatchObject({ code: 'tail_lost' });
  const lost = Number((await stage.owner.query(`SELECT pg_sequence_last_value('recant.ordinal') AS n`)).rows[0].n) + 1_000_000;
  await stage.owner.query('SELECT recant.adopt_restored()');
  await write();
  await drainAll(restored, recorder);
  expect(observedIn(recorder)).toHaveLength(4);
  // Numbers of what was lost are in the ledger: a plan must not take them for later ones.
  expect(Number(observedIn(recorder).at(-1)?.effects[0]?.ordinal)).toBeGreaterThan(lost);
  expect(recorder.events.at(-1)?.source).toBe('recant://recant/system/shop/3');
});

test('transactions that agents’ logins left open, prepared ones too, are named and delay nothing', async () => {
  await using stage = await createStage(ITEMS);
  const target = await stage.open();
  const recorder = createRecorder();
  const [first, second] = stage.pools;
  const idle = await first?.connect();
  await idle?.query(`BEGIN; UPDATE items SET name = 'open' WHERE id = 1`);
  const { rows } = (await idle?.query('SELECT pg_backend_pid() AS pid')) ?? { rows: [] };
  await second?.query(`UPDATE items SET name = 'done' WHERE id = 2`);
  await drainAll(target, recorder);
  expect(observedIn(recorder).flatMap(({ effects }) => effects.map(({ resource }) => resource))).toEqual([
    'postgres://shop/public.items/2',
  ]);
  expect(await drainOf(target).openTransactions()).toMatchObject([{ login: stage.agents[0], pid: rows[0]?.pid }]);
  await idle?.query('COMMIT');
  idle?.release();
  await drainAll(target, recorder);
  expect(observedIn(recorder)).toHaveLength(2);
  expect(await drainOf(target).openTransactions()).toEqual([]);
});

test('an agent cannot name an attempt that no event can carry, nor a transaction that named none', async () => {
  await using stage = await createStage(ITEMS);
  const open = (source: string, action: string) => stage.pools[0]?.query('SELECT recant.open_attempt($1, $2, 1)', [source, action]);
  for (const [source, action] of [
    ['login', nextAction()],
    ['recant://a/1', 'no-uuid'],
    ['recant://a/\u0001', nextAction()],
    ['', nextAction()],
  ] as const)
    await expect(open(source, action), source).rejects.toMatchObject({ code: '22023' });
});

test('a secret or personal value in a text key reaches the ledger masked, without an inverse; numbers as keys are never masked', async () => {
  await using stage = await createStage(
    'CREATE TABLE people (mail text PRIMARY KEY, n int); CREATE TABLE cards (id bigint PRIMARY KEY, n int)',
  );
  const target = await stage.open();
  const recorder = createRecorder();
  await played(stage, 0, `INSERT INTO people VALUES ('ann@example.org', 1)`, 'INSERT INTO cards VALUES (4111111111111111, 1)');
  await drainAll(target, recorder);
  const [person, card] = observedIn(recorder).flatMap(({ effects }) => effects);
  expect(JSON.stringify(recorder.events)).not.toContain('ann');
  expect(person).toMatchObject({ operation: 'insert', resource: expect.stringContaining('/public.people/') });
  expect(person?.compensation).toBeUndefined();
  expect(card).toMatchObject({ resource: `postgres://${SYSTEM}/public.cards/4111111111111111`, compensation: { connector: 'postgres' } });
});
