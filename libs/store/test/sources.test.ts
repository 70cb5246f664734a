import { eventId, type RecantEvent, uuidv7 } from '@recant/events';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SourceSummary } from '../src/index.ts';
import { type Fixture, Lane, NOW_MS, openFixture, submit } from './fixture.ts';

const LEASE_MS = 30_000;

/** A producer that sends opened, heartbeat and closed events. */
class LivingLane extends Lane {
  opened(): RecantEvent {
    return this.event({ id: eventId.opened(), type: 'recant.source.opened.v1', data: { sdk: 'test', leaseMs: LEASE_MS } });
  }
  heartbeat(n: number): RecantEvent {
    const data = { nothingOlderThan: new Date(NOW_MS + n * 1_000).toISOString() };
    return this.event({ id: eventId.heartbeat(n), type: 'recant.source.heartbeat.v1', data });
  }
  closed(): RecantEvent {
    return this.event({ id: eventId.closed(), type: 'recant.source.closed.v1', data: { reason: 'done' } });
  }
  intents(count: number): RecantEvent[] {
    return Array.from({ length: count }, () => this.intended(this.action()));
  }
}

describe('sources', () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await openFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  async function append(...events: readonly RecantEvent[]): Promise<void> {
    await fixture.store.appender.append(events.map((event) => submit(fixture.credential, event)));
  }
  async function find(lane: Lane, nowMs = NOW_MS): Promise<SourceSummary> {
    const { sources } = await fixture.store.queries.sources('acme', { limit: 100, nowMs });
    return sources.find(({ source }) => source === lane.source) as SourceSummary;
  }

  it('without gaps have as many events as their highest number, whatever the batch sizes', async () => {
    const lane = new LivingLane('dense');
    const [first, ...rest] = [lane.opened(), ...lane.intents(20)];
    await append(first as RecantEvent);
    await append(...rest);
    const { sources } = await fixture.store.queries.sources('acme', { limit: 100, nowMs: NOW_MS, gaps: true });
    expect(sources).toEqual([]);
    expect(await find(lane)).toEqual({
      source: lane.source,
      shard: expect.any(Number),
      agent: 'agent-1',
      state: 'open',
      receivedAtMs: NOW_MS,
      leaseMs: LEASE_MS,
      events: 21,
      last: 21,
      holes: 0,
      missing: 0,
      holesShown: [],
      late: 0,
      repeated: 0,
      equivocations: 0,
    });
    await fixture.expectSound();
  });

  it('list gaps as ranges, from the first number on, and events that filled one as late', async () => {
    const lane = new LivingLane('holes');
    const events = lane.intents(12);
    const chosen = (...numbers: number[]) => numbers.map((n) => events[n - 1] as RecantEvent);
    await append(...chosen(3, 4, 8, 12));
    const before = { events: 4, last: 12, holes: 3, missing: 8, late: 0 };
    expect(await find(lane)).toMatchObject({
      ...before,
      holesShown: [
        { first: 1, last: 2 },
        { first: 5, last: 7 },
        { first: 9, last: 11 },
      ],
    });
    await append(...chosen(6, 1));
    await append(...chosen(2, 4));
    const after = { events: 7, last: 12, holes: 3, missing: 5, late: 3 };
    expect(await find(lane)).toMatchObject({
      ...after,
      holesShown: [
        { first: 5, last: 5 },
        { first: 7, last: 7 },
        { first: 9, last: 11 },
      ],
    });
    await append(...chosen(5, 7, 9, 10, 11));
    expect(await find(lane)).toMatchObject({ events: 12, holes: 0, missing: 0, holesShown: [], late: 8 });
    await fixture.expectSound();
  });

  it('count a number with two events, and an id with two contents', async () => {
    const lane = new LivingLane('twice');
    const [one, two, three] = lane.intents(3) as [RecantEvent, RecantEvent, RecantEvent];
    await append(one, { ...two, sequence: one.sequence } as RecantEvent, three);
    expect(await find(lane)).toMatchObject({ events: 3, repeated: 1, holes: 1, holesShown: [{ first: 2, last: 2 }], equivocations: 0 });
    for (const tool of ['a', 'b', 'b']) await append({ ...one, data: { ...one.data, tool } } as RecantEvent);
    expect(await find(lane)).toMatchObject({ events: 3, equivocations: 2 });
    await fixture.expectSound();
  });

  it('are lost after silence beyond their lease, by the ledger’s clock, unless they closed or announced none', async () => {
    const [lost, closed, silent] = [new LivingLane('lost'), new LivingLane('closed'), new LivingLane('silent')];
    await append(lost.opened(), ...lost.intents(1), closed.opened(), closed.closed(), ...silent.intents(1));
    expect((await find(lost, NOW_MS + LEASE_MS)).state).toBe('open');
    const later = NOW_MS + LEASE_MS + 1;
    expect((await find(lost, later)).state).toBe('lost');
    expect(await find(closed, later)).toMatchObject({ state: 'closed', closed: 'done' });
    const unleased = await find(silent, later + 1e9);
    expect(unleased.state).toBe('open');
    expect(unleased).not.toHaveProperty('leaseMs');
    fixture.setNow(later);
    await append(lost.heartbeat(1));
    expect((await find(lost, later)).state).toBe('open');
    fixture.setNow(NOW_MS);
    await fixture.expectSound();
  });

  it('find the latest heartbeat by its number, not by text order', async () => {
    const lane = new LivingLane('beats');
    await append(lane.opened(), ...Array.from({ length: 11 }, (_, n) => lane.heartbeat(n + 1)));
    const nothingOlderThan = new Date(NOW_MS + 11_000).toISOString();
    expect(await find(lane)).toMatchObject({ heartbeat: { nothingOlderThan, number: 12 } });
  });

  it('name the previous source of the same name, and are counted over the whole tenant', async () => {
    const names = [1, 2, 3].map((n) => `bot/${uuidv7(NOW_MS + n, new Uint8Array(16).fill(n))}`);
    const lanes = names.map((name) => new LivingLane(name));
    for (const lane of lanes.toReversed()) await append(lane.opened());
    const found = await Promise.all(lanes.map((lane) => find(lane)));
    expect(found.map(({ restartOf }) => restartOf)).toEqual([undefined, lanes[0]?.source, lanes[1]?.source]);
    const totals = await fixture.store.queries.sourceTotals('acme', NOW_MS);
    const { sources } = await fixture.store.queries.sources('acme', { limit: 100, nowMs: NOW_MS });
    const sum = (of: (one: SourceSummary) => number) => sources.reduce((total, one) => total + of(one), 0);
    expect(totals).toEqual({
      sources: sources.length,
      lost: 0,
      restarts: 2,
      holes: sum(({ holes }) => holes),
      missing: sum(({ missing }) => missing),
      late: sum(({ late }) => late),
      repeated: sum(({ repeated }) => repeated),
      equivocations: 2,
    });
    expect(await fixture.store.queries.sourceTotals('other', NOW_MS)).toMatchObject({ sources: 0, holes: 0, equivocations: 0 });
  });

  it('are paged newest first, each once, with and without the filter', async () => {
    for (const gaps of [false, true]) {
      const all = (await fixture.store.queries.sources('acme', { limit: 100, nowMs: NOW_MS, gaps })).sources;
      const paged: SourceSummary[] = [];
      let cursor: string | undefined;
      do {
        const page = await fixture.store.queries.sources('acme', { limit: 2, nowMs: NOW_MS, gaps, ...(cursor && { cursor }) });
        paged.push(...page.sources);
        cursor = page.next;
      } while (cursor !== undefined);
      expect(all.length).toBeGreaterThan(1);
      expect(paged).toEqual(all);
    }
    await expect(fixture.store.queries.sources('acme', { limit: 2, nowMs: NOW_MS, cursor: 'x' })).rejects.toMatchObject({
      code: 'cursor_invalid',
    });
  });

  it('are read from the dedupe key alone: no event frame is read for its number', async () => {
    const owner = new pg.Client({ connectionString: fixture.ownerUrl });
    await owner.connect();
    await owner.query('VACUUM ANALYZE recant.entry');
    await owner.query('SET enable_seqscan = off');
    const { rows } = await owner.query(
      "EXPLAIN SELECT sequence, idx, lead(sequence) OVER (ORDER BY sequence DESC, idx DESC) FROM recant.entry WHERE tenant_id = 'acme' AND source_no = 1",
    );
    await owner.end();
    expect(JSON.stringify(rows)).toContain('Index Only Scan using entry_tenant_id_source_no_event_id_key');
  });
});
