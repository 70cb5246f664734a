import type { Credential } from '@recant/ledger';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NewCredential, Rotated, Store } from '../src/index.ts';
import { type Fixture, Lane, NOW_MS, openFixture, SHARDS, submit } from './fixture.ts';

const HOUR_MS = 3_600_000;
const kafka = (offset: number) => `kafka:recant.events/0/${offset}`;
const BINDINGS = { tenant: 'acme', roles: ['emit'], sourcePrefix: 'recant://acme', agents: ['agent-*'], resources: ['*'] } as const;

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(async () => {
  await fixture.expectSound();
  await fixture[Symbol.asyncDispose]();
});

const make = async (over: Partial<NewCredential> = {}) => (await fixture.store.credentials.create({ ...BINDINGS, ...over })).credential;
const next = (lane: Lane) => lane.intended(lane.action());
const send = async (credential: Credential, lane: Lane, origin = 'http', store: Store = fixture.store) =>
  (await store.appender.append([submit(credential, next(lane), origin)]))[0];
const ended = { kind: 'refused', refusal: { code: 'unauthenticated' } };

describe('a key that expires', () => {
  it('is valid until its expiry: after it, HTTP stores nothing, and Kafka a dead letter of its own tenant', async () => {
    const lane = new Lane('expiring');
    const key = await make({ expiresAtMs: NOW_MS + HOUR_MS });
    fixture.setNow(NOW_MS + HOUR_MS - 1);
    expect(await fixture.store.credentials.find(key.keyId)).toMatchObject({ credential: key });
    expect(await send(key, lane)).toMatchObject({ kind: 'appended' });
    fixture.setNow(NOW_MS + HOUR_MS);
    expect(await fixture.store.credentials.find(key.keyId)).toMatchObject({ ended: 'expired', was: key });
    const overHttp = await send(key, lane);
    expect(overHttp).toMatchObject(ended);
    expect(overHttp).not.toHaveProperty('index');
    expect(await send(key, lane, kafka(1))).toMatchObject({ ...ended, index: expect.any(BigInt) });
    const { deadLetters } = await fixture.store.queries.deadLetters('acme', { limit: 10 });
    expect(deadLetters).toMatchObject([{ code: 'unauthenticated', keyId: key.keyId, detail: expect.stringContaining('expired') }]);
  });

  it('is refused by a process whose clock is behind if the log is past the expiry', async () => {
    const lane = new Lane('behind');
    const [key, other] = [await make({ expiresAtMs: NOW_MS + HOUR_MS }), await make()];
    fixture.setNow(NOW_MS + HOUR_MS);
    expect(await send(other, lane)).toMatchObject({ kind: 'appended' });
    fixture.setNow(NOW_MS);
    expect(await send(key, lane)).toMatchObject(ended);
  });
});

describe('a key that is revoked', () => {
  /** Resolves when a session of this database waits for such a lock; the server also has databases of other tests. */
  const waiting = (which: 'advisory' | 'relation') =>
    waitUntil(async () => {
      const WAITING = `SELECT 1 FROM pg_locks WHERE locktype = $1 AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
      return (await fixture.store.pool.query(WAITING, [which])).rows.length > 0;
    });
  /** Stops every append before its COMMIT. */
  async function holdEntries(): Promise<{ release(): Promise<void> }> {
    const owner = new pg.Client({ connectionString: fixture.ownerUrl });
    await owner.connect();
    await owner.query('BEGIN; LOCK TABLE recant.entry IN EXCLUSIVE MODE');
    return { release: () => owner.end() };
  }

  it('ends after the transactions of all processes that found it valid, and before every later one', async () => {
    const other = fixture.open();
    const lane = new Lane('in-flight');
    const key = await make();
    await send(key, lane);
    const order: string[] = [];
    const note = (what: string) => () => order.push(what);
    const held = await holdEntries();
    const before = send(key, lane);
    void before.then(note('appended'));
    await waiting('relation');
    const revoking = other.credentials.revoke('acme', key.keyId);
    void revoking.then(note('revoked'));
    await waiting('advisory');
    expect(order).toEqual([]);
    await held.release();
    expect([await before, await revoking]).toMatchObject([{ kind: 'appended' }, true]);
    expect(order).toEqual(['appended', 'revoked']);
    for (const store of [fixture.store, other]) {
      expect(await send(key, lane, 'http', store)).toMatchObject(ended);
      expect(await store.credentials.find(key.keyId)).toMatchObject({ ended: 'revoked' });
    }
  });

  it('is refused in a batch that arrived during the revocation; the rest of the batch is not', async () => {
    const [lane, others] = [new Lane('behind-revoke'), new Lane('others')];
    const [key, other] = [await make(), await make()];
    const held = await holdEntries();
    const first = send(key, lane);
    await waiting('relation');
    const revoking = fixture.store.credentials.revoke('acme', key.keyId);
    await waiting('advisory');
    const late = fixture.store.appender.append([submit(key, next(lane)), submit(other, next(others)), submit(key, next(lane), kafka(7))]);
    await held.release();
    expect(await first).toMatchObject({ kind: 'appended' });
    expect(await revoking).toBe(true);
    expect(await late).toMatchObject([ended, { kind: 'appended' }, { ...ended, index: expect.any(BigInt) }]);
  });

  it('ends even while events are continuously appended under it', async () => {
    const stores = [fixture.store, fixture.open()];
    const key = await make();
    const counts = Array.from({ length: 6 }, () => 0);
    const busy = counts.map(async (_, n) => {
      const lane = new Lane(`busy-${n}`);
      while ((await send(key, lane, 'http', stores[n % 2]))?.kind === 'appended') counts[n] = (counts[n] ?? 0) + 1;
    });
    await waitUntil(() => Promise.resolve(counts.every((count) => count > 0)));
    expect(await stores[1]?.credentials.revoke('acme', key.keyId)).toBe(true);
    await Promise.all(busy);
  });
});

describe('a key that is rotated', () => {
  const rotated = async (keyId: string, overlapMs: number, more: { expiresAtMs?: number } = {}) => {
    const answer: Rotated = await fixture.store.credentials.rotate('acme', keyId, { overlapMs, ...more });
    if (answer.kind !== 'rotated') throw new TypeError(answer.kind);
    return answer;
  };

  it('has a successor with the same bindings, works until the overlap ends, and each names the other', async () => {
    const lane = new Lane('rotated');
    const key = await make({ label: 'ci', resources: ['postgres://shop/*'] });
    const { made, predecessorEndsAtMs } = await rotated(key.keyId, HOUR_MS);
    const successor = made.credential;
    expect(successor).toEqual({ ...key, keyId: expect.not.stringMatching(key.keyId) });
    expect(predecessorEndsAtMs).toBe(NOW_MS + HOUR_MS);
    const states = async () =>
      (await fixture.store.credentials.list('acme'))
        .filter(({ credential }) => [key.keyId, successor.keyId].includes(credential.keyId))
        .sort((one) => (one.predecessor === undefined ? -1 : 1))
        .map(({ label, state, predecessor, successor: after }) => [label, state, predecessor ?? after]);
    expect(await states()).toEqual([
      ['ci', 'rotated', successor.keyId],
      ['ci', 'active', key.keyId],
    ]);
    expect([await send(key, lane), await send(successor, lane)]).toMatchObject([{ kind: 'appended' }, { kind: 'appended' }]);
    fixture.setNow(NOW_MS + HOUR_MS);
    expect([await send(key, lane), await send(successor, lane)]).toMatchObject([ended, { kind: 'appended' }]);
    expect((await states())[0]?.[1]).toBe('expired');
  });

  it('is revoked if the overlap is zero, whatever the clocks of other processes', async () => {
    const lane = new Lane('at-once');
    const key = await make();
    const { made } = await rotated(key.keyId, 0);
    fixture.setNow(NOW_MS - HOUR_MS);
    expect(await fixture.store.credentials.find(key.keyId)).toMatchObject({ ended: 'revoked' });
    expect([await send(key, lane), await send(made.credential, lane)]).toMatchObject([ended, { kind: 'appended' }]);
  });

  it('is rotated once, never after it ended; of concurrent rotations one succeeds', async () => {
    const key = await make();
    const rotate = (keyId: string) => fixture.store.credentials.rotate('acme', keyId, { overlapMs: HOUR_MS });
    const answers = await Promise.all(Array.from({ length: 5 }, () => rotate(key.keyId)));
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['inactive', 'inactive', 'inactive', 'inactive', 'rotated']);
    expect(await rotate(key.keyId)).toEqual({ kind: 'inactive', why: 'rotated' });
    const revoked = await make();
    await fixture.store.credentials.revoke('acme', revoked.keyId);
    expect(await rotate(revoked.keyId)).toEqual({ kind: 'inactive', why: 'revoked' });
    expect(await rotate((await make({ expiresAtMs: NOW_MS })).keyId)).toEqual({ kind: 'inactive', why: 'expired' });
    expect(await rotate((await make({ tenant: 'other' })).keyId)).toEqual({ kind: 'unknown' });
  });

  it('does not live longer after a rotation; its successor has the same lifetime, or the given one', async () => {
    const key = await make({ expiresAtMs: NOW_MS + 2 * HOUR_MS });
    fixture.setNow(NOW_MS + HOUR_MS);
    const { made, predecessorEndsAtMs } = await rotated(key.keyId, 24 * HOUR_MS);
    expect([predecessorEndsAtMs, made.expiresAtMs]).toEqual([NOW_MS + 2 * HOUR_MS, NOW_MS + 3 * HOUR_MS]);
    const again = await rotated(made.credential.keyId, 0, { expiresAtMs: NOW_MS + 9 * HOUR_MS });
    expect(again.made.expiresAtMs).toBe(NOW_MS + 9 * HOUR_MS);
  });
});

describe('ownership of a key', () => {
  it('an unknown key or one of another tenant authorises nothing; the service itself needs none', async () => {
    const lane = new Lane('whose');
    const key = await make({ tenant: 'other' });
    expect(await send({ ...key, tenant: 'acme' }, lane)).toMatchObject(ended);
    expect(await send({ ...key, tenant: 'acme', keyId: 'nosuchkey' }, lane)).toMatchObject(ended);
    expect(await send({ ...key, tenant: 'acme', keyId: 'recant', own: true }, lane)).toMatchObject({ kind: 'appended' });
  });

  it('no epoch is opened under a key that ended during the request', async () => {
    const { keyId } = await make({ roles: ['administer'] });
    await fixture.store.credentials.revoke('acme', keyId);
    const opening = { from: 1, epoch: 2, shards: SHARDS, previous: undefined, previousNote: undefined, reason: 'restored', nowMs: NOW_MS };
    const log = { tenant: 'acme', shard: 0 };
    await expect(fixture.store.openEpoch(log, { ...opening, keyId })).rejects.toMatchObject({ code: 'key_inactive' });
    expect(await fixture.store.openEpoch(log, { ...opening, keyId: 'person:ada' })).toBe(1n);
  });

  it('a key can only be ended: even the owner cannot give it more rights or a later end in the database', async () => {
    const { keyId } = await make({ expiresAtMs: NOW_MS });
    await fixture.store.credentials.revoke('acme', keyId);
    const owner = new pg.Client({ connectionString: fixture.ownerUrl });
    await owner.connect();
    for (const change of [
      'revoked_at = NULL',
      "revoked_at = revoked_at + interval '1 day'",
      'expires_at = NULL',
      "expires_at = expires_at + interval '1 ms'",
      "roles = '{administer}'",
      "source_prefix = 'recant://'",
    ])
      await expect(owner.query(`UPDATE recant.credential SET ${change} WHERE key_id = $1`, [keyId]), change).rejects.toMatchObject({
        code: '42501',
      });
    await owner.query("UPDATE recant.credential SET expires_at = expires_at - interval '1 day' WHERE key_id = $1", [keyId]);
    await owner.end();
  });
});
