import { type AttemptObserved, actionOfTransaction, DURATION_MS_MAX, type Effect, eventId, type RecantEvent } from '@recant/events';
import { type Credential, OPEN_MS_MAX } from '@recant/ledger';
import { disarm } from '@recant/test-support';
import { auditTenant } from '@recant/verifier';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withSnapshot } from '../src/index.ts';
import { effect, type Fixture, Lane, NOW_MS, openFixture, submit } from './fixture.ts';

/** The drain of the database `shop`. */
class Drain extends Lane {
  override readonly source: string;
  #transactions = 0;

  constructor(name: string) {
    super(name, 'recant');
    this.source = `recant://recant/drain/${name}`;
  }

  /** One event for each list of effects. */
  transaction(over: Partial<AttemptObserved>, chunks: readonly (readonly Effect[])[]): readonly RecantEvent[] {
    this.#transactions += 1;
    const transaction = `1/${this.#transactions}`;
    const at = new Date(NOW_MS).toISOString();
    const action = actionOfTransaction(this.source, transaction, NOW_MS);
    const base = {
      action,
      attempt: 1,
      system: 'shop',
      transaction,
      login: 'pricing_bot',
      from: at,
      to: at,
      chunks: chunks.length,
      ...over,
    };
    return chunks.map((effects, chunk) => {
      const data = { ...base, chunk, effects };
      return this.event({ id: eventId.observed(data), type: 'recant.attempt.observed.v1', data });
    });
  }
}

describe('what a target recorded', () => {
  let fixture: Fixture;
  let drainKey: Credential;
  beforeAll(async () => {
    fixture = await openFixture();
    const own = { tenant: 'acme', roles: ['rollback'], sourcePrefix: 'recant://recant', agents: ['recant'], resources: [] } as const;
    drainKey = (await fixture.store.credentials.create(own)).credential;
  });
  afterAll(async () => {
    await fixture.expectSound();
    await fixture[Symbol.asyncDispose]();
  });

  const append = (events: readonly RecantEvent[], credential: Credential = drainKey) =>
    fixture.store.appender.append(events.map((event) => submit(credential, event)));
  const reader = () => fixture.store.ledgerReader;
  const row = (name: string, ordinal = '1') => effect(`postgres://shop/public.orders/${name}`, ordinal);
  const selected = async (agent: string) => reader().select('acme', { agents: [agent] }, await reader().vector('acme'));

  it('by a registered login is an attempt of its agent: succeeded, attested, found by agent, time and resource', async () => {
    const drain = new Drain('login');
    const events = drain.transaction({ agent: 'agent-login' }, [[row('l1')], [row('l2')]]);
    await append(events.slice(0, 1));
    const before = await reader().vector('acme');
    expect(await selected('agent-login')).toMatchObject([{ complete: false }]);
    await append(events.slice(1));
    const vector = await reader().vector('acme');
    const [attempt] = await selected('agent-login');
    const { action } = (events[0] as RecantEvent).data as AttemptObserved;
    const ref = { source: drain.source, action, attempt: 1 };
    expect(attempt).toMatchObject({
      ref,
      tool: 'transaction',
      status: 'succeeded',
      complete: true,
      grade: 'attested',
      reversibility: 'reversible',
    });
    expect(attempt).toMatchObject({ registered: ['postgres://shop/*'], intendedAtMs: NOW_MS, keyId: drainKey.keyId });
    const later = await reader().select('acme', { resources: ['postgres://shop/public.orders/l2'], fromMs: NOW_MS }, vector);
    expect(later).toEqual([attempt]);
    expect(await reader().attempts('acme', [ref], vector)).toEqual([attempt]);
    expect(await reader().attempts('acme', [ref], before)).toMatchObject([{ complete: false }]);
    expect((await reader().effectsOf('acme', [ref], vector)).map(({ resource }) => resource)).toEqual(
      [row('l1'), row('l2')].map((one) => one.resource),
    );
    expect(await reader().effectsOn('acme', [row('l2').resource], vector)).toMatchObject([{ attempt: ref, ordinal: '1' }]);
    const page = await fixture.store.queries.attempts('acme', { selection: { agents: ['agent-login'] }, limit: 10, nowMs: NOW_MS });
    expect(page.attempts).toMatchObject([
      { transaction: { login: 'pricing_bot', system: 'shop', unnamed: true }, effects: { reported: 0, observed: 2 } },
    ]);
  });

  it('of a named transaction belongs to the named attempt, once, with the target’s word for it', async () => {
    const [lane, drain] = [new Lane('named', 'agent-named'), new Drain('named')];
    const action = lane.action();
    const ref = { source: lane.source, action, attempt: 1 };
    const own = [{ ...row('n1'), operation: 'invented' }];
    await append([lane.intended(action), lane.effects(action, own), lane.settled(action, [own])], fixture.credential);
    await append(drain.transaction({ action, of: lane.source, agent: 'agent-named' }, [[row('n1'), row('n2')]]));
    const vector = await reader().vector('acme');
    expect(await selected('agent-named')).toMatchObject([{ ref, tool: 'reprice', status: 'succeeded', complete: true, grade: 'attested' }]);
    const found = await reader().effectsOf('acme', [ref], vector);
    expect(found.map(({ resource, operation }) => [resource, operation])).toEqual(
      [row('n1'), row('n2')].map((one) => [one.resource, 'update']),
    );
    expect((await reader().select('acme', { resources: [row('n2').resource] }, vector)).map((one) => one.ref)).toEqual([ref]);
    const [detail] = (await fixture.store.queries.action('acme', action, { nowMs: NOW_MS })).attempts;
    expect([detail?.source, detail?.state.complete, detail?.events.length]).toEqual([lane.source, true, 4]);
  });

  it('of an attempt with more transactions than one answer has is attested as a whole, once', async () => {
    const [lane, drain] = [new Lane('long', 'agent-long'), new Drain('long')];
    const action = lane.action();
    const ref = { source: lane.source, action, attempt: 1 };
    const rows = Array.from({ length: 1_200 }, (_, n) => row(`long-${n}`));
    const own = [[{ ...(rows[1_100] as Effect), operation: 'invented' }]];
    await append([lane.intended(action), lane.effects(action, own[0] as Effect[]), lane.settled(action, own)], fixture.credential);
    const events = rows.flatMap((one) => drain.transaction({ action, of: lane.source, agent: lane.agent }, [[one]]));
    for (let at = 0; at < events.length; at += 400) await append(events.slice(at, at + 400));
    const vector = await reader().vector('acme');
    expect(await selected(lane.agent)).toMatchObject([{ ref, complete: true, witnessed: true, grade: 'attested' }]);
    const found = await reader().effectsOf('acme', [ref], vector);
    expect(found.map(({ resource, operation }) => `${operation} ${resource}`)).toEqual(rows.map(({ resource }) => `update ${resource}`));
  });

  it('I14: is listed and complete without the intent or the settlement that the agent withholds', async () => {
    const [lane, drain] = [new Lane('withheld', 'agent-withheld'), new Drain('withheld')];
    const [unsettled, unintended] = [lane.action(), lane.action()];
    await append([lane.intended(unsettled, { deadlineMs: 1 })], fixture.credential);
    fixture.setNow(NOW_MS + 10);
    for (const action of [unsettled, unintended])
      for (const name of ['w1', 'w2']) await append(drain.transaction({ action, of: lane.source, agent: lane.agent }, [[row(name)]]));
    const attempts = await selected(lane.agent);
    expect(attempts.map(({ ref, tool, status, complete }) => [ref.action, ref.source, tool, status, complete])).toEqual([
      [unsettled, lane.source, 'reprice', 'unknown', true],
      [unintended, lane.source, 'transaction', 'unknown', true],
    ]);
    await append([lane.intended(unintended)], fixture.credential);
    expect((await selected(lane.agent)).map(({ tool }) => tool).sort()).toEqual(['reprice', 'reprice']);
    fixture.setNow(NOW_MS);
  });

  it('I14: of an agent that claims a deadline of a year can be undone from the next day on', async () => {
    const [lane, drain] = [new Lane('patient', 'agent-patient'), new Drain('patient')];
    const action = lane.action();
    await append([lane.intended(action, { deadlineMs: DURATION_MS_MAX })], fixture.credential);
    await append(drain.transaction({ action, of: lane.source, agent: lane.agent }, [[row('p1')]]));
    const statesAt = async (nowMs: number) => {
      fixture.setNow(nowMs);
      const { attempts: found } = await fixture.store.queries.action('acme', action, { nowMs });
      return [...(await selected(lane.agent)), ...found.map(({ state }) => state)].map(({ status, complete }) => `${status} ${complete}`);
    };
    expect(await statesAt(NOW_MS + OPEN_MS_MAX - 1)).toEqual(['open false', 'open false']);
    expect(await statesAt(NOW_MS + OPEN_MS_MAX + 1_000)).toEqual(['unknown true', 'unknown true']);
    fixture.setNow(NOW_MS);
  });

  it('by an outside writer is an entry, and no attempt', async () => {
    const drain = new Drain('outside');
    const [event] = drain.transaction({ login: 'alice', counted: [{ table: 'public.orders', changes: 3 }] }, [[]]) as [RecantEvent];
    expect(await append([event])).toMatchObject([{ kind: 'appended' }]);
    const { action } = event.data as AttemptObserved;
    const ref = { source: drain.source, action, attempt: 1 };
    expect(await reader().attempts('acme', [ref], await reader().vector('acme'))).toEqual([]);
    expect(await fixture.store.queries.action('acme', action, { nowMs: NOW_MS })).toEqual({ attempts: [] });
  });

  it.each([
    ['another login', "UPDATE recant.observed SET login = 'alice'", 'projection_differs'],
    ['a hidden transaction', 'DELETE FROM recant.observed', 'projection_missing'],
    [
      'an invented transaction',
      `INSERT INTO recant.observed SELECT (json_populate_record(o, '{"system": "crm", "action": "01a207d8-e8e0-730e-a860-0472bd8ecb2d"}')).*
       FROM recant.observed o LIMIT 1`,
      'projection_unexpected',
    ],
  ])('is rebuilt by the auditor, who names %s', async (_, statement, rule) => {
    const owner = new pg.Client({ connectionString: fixture.ownerUrl });
    await owner.connect();
    await disarm(owner);
    await owner.query('CREATE TEMP TABLE kept AS TABLE recant.observed');
    await owner.query(statement);
    expect(await withSnapshot(fixture.store.pool, 'acme', (snapshot) => auditTenant('acme', snapshot))).toMatchObject([{ code: rule }]);
    await owner.query('DELETE FROM recant.observed; INSERT INTO recant.observed TABLE kept');
    await owner.end();
  });

  it('belongs to its tenant', async () => {
    expect(await reader().select('other', { agents: ['agent-login'] }, await reader().vector('acme'))).toEqual([]);
    const page = await fixture.store.queries.attempts('other', { selection: {}, limit: 10, nowMs: NOW_MS });
    expect(page.attempts).toEqual([]);
  });
});
