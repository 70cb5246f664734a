import { DEAD_LETTER_BYTES_MAX, encodeEvent, OPERATOR_TENANT, shardOf } from '@recant/events';
import type { KafkaPosition } from '@recant/ledger';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PositionMoved, StoreUnavailable } from '../src/index.ts';
import { effect, type Fixture, Lane, NOW_MS, openFixture, SHARDS, submit } from './fixture.ts';

const garbage = new TextEncoder().encode('{"not":"an event"}');
const kafka = (offset: number) => `kafka:recant.events/0/${offset}`;

describe('append', () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await openFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());
  const append = (...args: Parameters<Fixture['store']['appender']['append']>) => fixture.store.appender.append(...args);

  it('appends events after the genesis entry, in the order of their source', async () => {
    const lane = new Lane('order');
    const { events } = lane.attempt();
    const receipts = await append(events.map((event) => submit(fixture.credential, event)));
    const shard = shardOf('acme', lane.source, SHARDS);
    expect(receipts).toEqual([1n, 2n, 3n].map((index) => ({ kind: 'appended', shard, index })));
    await fixture.expectSound();
  });

  it('I2: returns the first index for repeated bytes, within a batch and across batches', async () => {
    const [event] = new Lane('twice').attempt().events;
    const submission = submit(fixture.credential, event as never);
    const [first, again] = await append([submission, submission]);
    const [later] = await append([submission]);
    expect(first?.kind).toBe('appended');
    expect(again).toEqual({ ...first, kind: 'duplicate' });
    expect(later).toEqual(again);
    await fixture.expectSound();
  });

  it('stores an equivocation as a dead letter, which never changes the state of the attempt: L8, s3', async () => {
    const lane = new Lane('equivocation');
    const { action, events } = lane.attempt();
    const settled = events[2] as (typeof events)[number];
    await append(events.map((event) => submit(fixture.credential, event)));
    const other = { ...settled, data: { ...settled.data, outcome: 'failed' } } as never;
    const [receipt] = await append([submit(fixture.credential, other)]);
    expect(receipt).toMatchObject({ kind: 'refused', refusal: { code: 'equivocation' }, index: expect.any(BigInt) });
    expect((await append([submit(fixture.credential, other)]))[0]).toEqual(receipt);
    const { attempts } = await fixture.store.queries.attempts('acme', { selection: { actions: [action] }, limit: 10, nowMs: NOW_MS });
    expect(attempts.map(({ status }) => status)).toEqual(['succeeded']);
    expect((await fixture.store.queries.action('acme', action, { nowMs: NOW_MS })).attempts[0]?.state).toMatchObject({
      status: 'succeeded',
      complete: true,
    });
    const vector = await fixture.store.ledgerReader.vector('acme');
    const [planned] = await fixture.store.ledgerReader.select('acme', { actions: [action] }, vector);
    expect(planned).toMatchObject({ status: 'succeeded', complete: true });
    const { deadLetters } = await fixture.store.queries.deadLetters('acme', { limit: 100 });
    expect(deadLetters.find(({ code }) => code === 'equivocation')?.bytes).toEqual(new Uint8Array(encodeEvent(other)));
    await fixture.expectSound();
  });

  it('stores no malformed input over HTTP, but all of it from Kafka, under the tenant whose MAC is valid', async () => {
    const before = (await fixture.store.queries.logs('acme')).map(({ size }) => size);
    const [refused] = await append([submit(fixture.credential, garbage)]);
    expect(refused).toMatchObject({ kind: 'refused' });
    expect(refused).not.toHaveProperty('index');
    expect((await fixture.store.queries.logs('acme')).map(({ size }) => size)).toEqual(before);
    const [kept] = await append([submit(fixture.credential, garbage, kafka(1))]);
    const [unknown] = await append([submit(undefined, garbage, kafka(2))]);
    expect([kept, unknown]).toMatchObject([{ kind: 'refused', index: expect.any(BigInt) }, { refusal: { code: 'unauthenticated' } }]);
    const own = await fixture.store.queries.deadLetters('acme', { limit: 100 });
    const operators = await fixture.store.queries.deadLetters(OPERATOR_TENANT, { limit: 100 });
    expect(own.deadLetters.map(({ origin }) => origin)).toContain(kafka(1));
    expect(operators.deadLetters.map(({ origin, bytes }) => [origin, bytes])).toEqual([[kafka(2), new Uint8Array(garbage)]]);
    await fixture.expectSound();
    await fixture.expectSound(OPERATOR_TENANT);
  });

  it('pages of dead letters are bounded by bytes, and together have each once (L10, r7)', async () => {
    const letters = Array.from({ length: 90 }, (_, n) => Buffer.alloc(DEAD_LETTER_BYTES_MAX + 1_000, n));
    const received = await append(letters.map((bytes, n) => submit(undefined, bytes, kafka(1_000 + n))));
    expect(received).toHaveLength(letters.length);
    const seen: number[] = [];
    const pageBytes: number[] = [];
    for (let cursor: string | undefined, pages = 0; pages < 20; pages += 1) {
      const { deadLetters, next } = await fixture.store.queries.deadLetters(OPERATOR_TENANT, { limit: 1_000, ...(cursor && { cursor }) });
      const large = deadLetters.filter(({ bytes }) => bytes.length === DEAD_LETTER_BYTES_MAX);
      seen.push(...large.map(({ bytes }) => bytes[0] as number));
      pageBytes.push(deadLetters.reduce((sum, { bytes }) => sum + bytes.length, 0));
      cursor = next;
      if (cursor === undefined) break;
    }
    expect(seen.sort((a, b) => a - b)).toEqual(letters.map((_, n) => n));
    expect(pageBytes.length).toBeGreaterThan(1);
    // The one that exceeds the bound is the last of its page.
    expect(Math.max(...pageBytes)).toBeLessThanOrEqual(4_194_304 + DEAD_LETTER_BYTES_MAX);
    await fixture.expectSound(OPERATOR_TENANT);
  });

  it('an agent cannot end the attempt of another agent, even with the same source prefix', async () => {
    const both = { ...fixture.credential, agents: ['*'] };
    const lane = new Lane('owned');
    const { action, events } = lane.attempt();
    const settled = events[2] as (typeof events)[number];
    const forged = { ...settled, agent: 'somebody-else', data: { ...settled.data, outcome: 'failed' } } as never;
    await append(events.slice(0, 2).map((event) => submit(both, event)));
    const receipts = [...(await append([submit(both, forged)])), ...(await append([submit(both, forged, kafka(90))]))];
    const kept = { kind: 'refused', refusal: { code: 'source_not_allowed' }, index: expect.any(BigInt) };
    expect(receipts).toMatchObject([kept, kept]);
    expect(await append([submit(both, forged), submit(both, settled)])).toMatchObject([{ kind: 'refused' }, { kind: 'appended' }]);
    expect((await fixture.store.queries.action('acme', action, { nowMs: NOW_MS })).attempts[0]?.state).toMatchObject({
      status: 'succeeded',
      complete: true,
    });
    await fixture.expectSound();
  });

  it('takes authority from the credential, never from the event: foreign sources, agents, roles and inverses have their own error codes', async () => {
    const lane = new Lane('foreign');
    const foreign = { ...lane.intended(lane.action()), source: 'recant://acmeevil/1' };
    const agent = { ...lane.intended(lane.action()), agent: 'somebody' };
    const own = { ...lane.intended(lane.action()), agent: 'recant' };
    const inverts = lane.intended(lane.action(), {
      inverts: { source: lane.source, action: lane.action(), attempt: 1, run: lane.action(), step: 1 },
    });
    const smuggled = { ...effect('postgres://shop/public.orders/1'), compensation: { connector: 'filesystem', images: [] } };
    const compensation = lane.effects(lane.action(), [smuggled]);
    const receipts = await append([foreign, agent, own, inverts, compensation].map((event) => submit(fixture.credential, event)));
    expect(receipts.map((receipt) => receipt.kind === 'refused' && receipt.refusal.code)).toEqual([
      'source_not_allowed',
      'agent_not_allowed',
      'agent_not_allowed',
      'role_missing',
      'resource_invalid',
    ]);
    const viewer = { ...fixture.credential, roles: ['view'] as const };
    expect((await append([submit(viewer, lane.intended(lane.action()))]))[0]).toMatchObject({ refusal: { code: 'role_missing' } });
    await fixture.expectSound();
  });

  it('stores an event that its key may not send as a dead letter with an entry, over HTTP and Kafka, identical bytes once', async () => {
    const lane = new Lane('refused');
    const of = (over: object) => encodeEvent({ ...lane.intended(lane.action()), ...over } as never);
    const viewer = { ...fixture.credential, roles: ['view'] as const };
    const bad: [string, Uint8Array, typeof fixture.credential][] = [
      ['source_not_allowed', of({ source: 'recant://elsewhere/1' }), fixture.credential],
      ['agent_not_allowed', of({ agent: 'somebody' }), fixture.credential],
      ['role_missing', of({}), viewer],
    ];
    const batch = bad.map(([, bytes, credential]) => submit(credential, bytes));
    const receipts = await append(batch);
    expect(receipts).toMatchObject(bad.map(([code]) => ({ kind: 'refused', refusal: { code }, index: expect.any(BigInt) })));
    const sizes = (await fixture.store.queries.logs('acme')).map(({ size }) => size);
    expect(await append([...batch, ...batch])).toEqual([...receipts, ...receipts]);
    expect((await fixture.store.queries.logs('acme')).map(({ size }) => size)).toEqual(sizes);
    const { deadLetters } = await fixture.store.queries.deadLetters('acme', { limit: 500, codes: bad.map(([code]) => code) });
    for (const [n, [code, bytes]] of bad.entries()) {
      const letter = deadLetters.find(({ index, shard }) => index === receipts[n]?.index && shard === receipts[n]?.shard);
      expect(letter).toMatchObject({ code, origin: 'http', keyId: fixture.credential.keyId, bytes: new Uint8Array(bytes) });
    }
    await fixture.expectSound();
  });

  it('receivedAt never decreases within a log, whatever the clock does', async () => {
    const lane = new Lane('clock');
    fixture.setNow(NOW_MS + 5_000);
    await append([submit(fixture.credential, lane.intended(lane.action()))]);
    fixture.setNow(NOW_MS - 60_000);
    const action = lane.action();
    await append([submit(fixture.credential, lane.intended(action))]);
    const { attempts } = await fixture.store.queries.attempts('acme', { selection: { actions: [action] }, limit: 1, nowMs: NOW_MS });
    expect(attempts[0]?.receivedAtMs).toBe(NOW_MS + 5_000);
    fixture.setNow(NOW_MS + 5_000);
    await fixture.expectSound();
  });

  it('concurrent appenders to the same logs do not deadlock', async () => {
    const lanes = Array.from({ length: 16 }, (_, n) => new Lane(`ring-${n}`));
    const stores = [fixture.store, fixture.open()];
    await Promise.all(
      Array.from({ length: 12 }, (_, n) => {
        const order = n % 2 === 0 ? lanes : lanes.toReversed();
        const batch = order.flatMap((lane) => lane.attempt().events).map((event) => submit(fixture.credential, event));
        return stores[n % 2]?.appender.append(batch);
      }),
    );
    await fixture.expectSound();
  });
});

describe('append from Kafka', () => {
  const position = (from: bigint, next: bigint): KafkaPosition => ({ cluster: 'c1', topic: 'recant.events', partition: 0, from, next });

  it('accepts a batch only from the stored position, and moves it in the same transaction', async () => {
    await using fixture = await openFixture();
    const { store, credential } = fixture;
    const lane = new Lane('position');
    const one = submit(credential, lane.intended(lane.action()), kafka(0));
    await expect(store.appender.append([one], position(0n, 1n))).rejects.toMatchObject({ code: 'position_moved', expected: undefined });
    expect(await store.positions.adopt('recant.events', { cluster: 'c1', partition: 0, next: 0n }, undefined)).toBe(true);
    expect(await store.positions.adopt('recant.events', { cluster: 'c1', partition: 0, next: 7n }, undefined)).toBe(false);
    expect((await store.appender.append([one], position(0n, 1n)))[0]?.kind).toBe('appended');
    await expect(store.appender.append([one], position(0n, 1n))).rejects.toBeInstanceOf(PositionMoved);
    await expect(store.appender.append([one], { ...position(1n, 2n), cluster: 'c2' })).rejects.toMatchObject({
      expected: 1n,
      cluster: 'c1',
    });
    expect(await store.positions.read('recant.events')).toEqual([{ cluster: 'c1', partition: 0, next: 1n }]);
    expect(await store.positions.adopt('recant.events', { cluster: 'c1', partition: 0, next: 0n }, 1n)).toBe(true);
    expect((await store.appender.append([one], position(0n, 1n)))[0]?.kind).toBe('duplicate');
    await store.appender.append([], position(1n, 5n));
    expect((await store.positions.read('recant.events'))[0]?.next).toBe(5n);
    await fixture.expectSound();
  });

  it('I4: turns exactly the records that the database rejects into dead letters, and appends the rest', async () => {
    await using fixture = await openFixture();
    const owner = new pg.Client({ connectionString: fixture.ownerUrl });
    await owner.connect();
    await owner.query("ALTER TABLE recant.entry ADD CHECK (event_id !~ '[.]13[.]intended$')");
    await owner.end();
    const lane = new Lane('poison');
    const events = Array.from({ length: 40 }, (_, n) => lane.intended(lane.action(), {}, n === 7 || n === 31 ? 13 : 1));
    await fixture.store.positions.adopt('recant.events', { cluster: 'c1', partition: 0, next: 0n }, undefined);
    const batch = events.map((event, n) => submit(fixture.credential, event, kafka(n)));
    const receipts = await fixture.store.appender.append(batch, position(0n, 40n));
    const refused = receipts.flatMap((receipt, n) =>
      receipt.kind === 'refused' ? [[n, receipt.refusal.code, receipt.index !== undefined]] : [],
    );
    expect(refused).toEqual([
      [7, 'unstorable', true],
      [31, 'unstorable', true],
    ]);
    expect(receipts.filter(({ kind }) => kind === 'appended')).toHaveLength(38);
    await fixture.expectSound();
  });

  it('reports an unreachable store, and nothing is stored', async () => {
    await using fixture = await openFixture();
    const lane = new Lane('away');
    const failing = fixture.open({
      failpoints: (name) => {
        if (name === 'commit.before') throw new Error('the connection broke');
      },
    });
    const one = submit(fixture.credential, lane.intended(lane.action()));
    await expect(failing.appender.append([one])).rejects.toBeInstanceOf(StoreUnavailable);
    expect((await fixture.store.appender.append([one]))[0]).toMatchObject({ kind: 'appended', index: 1n });
    const nowhere = fixture.open({ connectionString: 'postgres://recant@127.0.0.1:1/nowhere' });
    await expect(nowhere.appender.append([one])).rejects.toMatchObject({ code: 'store_unavailable', retry: true });
    await fixture.expectSound();
  });

  it('refuses to append with a different shard count', async () => {
    await using fixture = await openFixture();
    const lane = new Lane('shards');
    await fixture.store.appender.append([submit(fixture.credential, lane.intended(lane.action()))]);
    const other = fixture.open({ shards: 1 });
    const all = Array.from({ length: SHARDS * 4 }, (_, n) => new Lane(`shards-${n}`));
    await fixture.store.appender.append(all.map((one) => submit(fixture.credential, one.intended(one.action()))));
    await expect(other.appender.append([submit(fixture.credential, lane.intended(lane.action()))])).rejects.toMatchObject({
      code: 'shards_changed',
    });
  });
});
