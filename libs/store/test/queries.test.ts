import type { Selection } from '@recant/planner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptPage, AttemptQuery } from '../src/index.ts';
import { effect, type Fixture, Lane, NOW_MS, openFixture, submit } from './fixture.ts';

describe('queries', () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await openFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  const page = (query: Partial<AttemptQuery> = {}): Promise<AttemptPage> =>
    fixture.store.queries.attempts('acme', { selection: {}, limit: 100, nowMs: NOW_MS, ...query });
  const select = async (selection: Selection, nowMs = NOW_MS): Promise<string[]> =>
    (await page({ selection, nowMs })).attempts.map(({ ref }) => ref.action).sort();

  async function record(lane: Lane, resource?: string): Promise<string> {
    const { action, events } = lane.attempt(resource);
    await fixture.store.appender.append(events.map((event) => submit(fixture.credential, event)));
    return action;
  }

  it('finds attempts by agent, session, tool, resource, outcome, action and window, and by all combined', async () => {
    const one = new Lane('select-1', 'agent-select');
    const two = new Lane('select-2', 'agent-other');
    fixture.setNow(NOW_MS + 1_000);
    const first = await record(one, 'postgres://shop/public.orders/77');
    fixture.setNow(NOW_MS + 2_000);
    const second = await record(two, 'postgres://shop/public.orders/78');
    const open = two.intended(two.action(), { tool: 'refund' });
    await fixture.store.appender.append([submit(fixture.credential, open)]);
    const third = (open.data as { action: string }).action;
    expect(await select({ agents: ['agent-select'] })).toEqual([first]);
    expect(await select({ tools: ['refund'] })).toEqual([third]);
    expect(await select({ resources: ['postgres://shop/public.orders/77'] })).toEqual([first]);
    expect(await select({ resources: ['postgres://shop/public.orders/7*'] })).toEqual([first, second].sort());
    expect(await select({ resources: [] })).toEqual([]);
    expect(await select({ outcomes: ['open'] })).toEqual([third]);
    expect(await select({ outcomes: ['unknown'] }, NOW_MS + 100_000)).toEqual([third]);
    expect(await select({ outcomes: ['succeeded'], agents: ['agent-other'] })).toEqual([second]);
    expect(await select({ actions: [first, 'not a uuid'] })).toEqual([first]);
    expect(await select({ fromMs: NOW_MS + 1_000, toMs: NOW_MS + 2_000 })).toEqual([first]);
    expect(await select({ fromMs: NOW_MS, toMs: NOW_MS + 1, clock: 'claimed' })).toHaveLength(3);
    const session = (await page({ selection: { actions: [first] } })).attempts[0]?.session as string;
    expect(await select({ sessions: [session] })).toEqual([first]);
    expect(await fixture.store.queries.attempts('other', { selection: {}, limit: 10, nowMs: NOW_MS })).toMatchObject({ attempts: [] });
  });

  it.each(['oldest', 'newest'] as const)('lists each attempt once over all pages, %s first, during appends', async (order) => {
    const lane = new Lane(`pages-${order}`, `agent-${order}`);
    const selection = { agents: [lane.agent] };
    const recorded: string[] = [];
    for (let n = 0; n < 25; n += 1) recorded.push(await record(lane));
    const seen: string[] = [];
    let cursor: string | undefined;
    let tail = '';
    do {
      const result = await page({ selection, limit: 4, order, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...result.attempts.map(({ ref }) => ref.action));
      cursor = result.next;
      tail = result.tail;
      await record(lane);
    } while (cursor !== undefined);
    expect(seen).toEqual(order === 'oldest' ? recorded : recorded.toReversed());
    const later = await page({ selection, cursor: tail });
    expect(later.attempts).toHaveLength(7);
    expect(later.attempts.some(({ ref }) => seen.includes(ref.action))).toBe(false);
    expect((await page({ selection, cursor: later.tail })).attempts).toEqual([]);
  });

  it('refuses a foreign cursor', async () => {
    for (const cursor of [
      '',
      'x',
      Buffer.from('[1,[["0","1"]],null,null]').toString('base64url'),
      Buffer.from('[2]').toString('base64url'),
    ]) {
      await expect(page({ cursor })).rejects.toMatchObject({ code: 'cursor_invalid' });
    }
    await expect(fixture.store.queries.deadLetters('acme', { limit: 1, cursor: "1'" })).rejects.toMatchObject({ code: 'cursor_invalid' });
  });

  it('returns an action with every attempt, its events in log order, and its state', async () => {
    const lane = new Lane('detail');
    const action = lane.action();
    const effects = [effect('postgres://shop/public.orders/5')];
    const events = [
      lane.intended(action),
      lane.settled(action, [], 'failed'),
      lane.intended(action, {}, 2),
      lane.effects(action, effects, 0, 2),
      lane.settled(action, [effects], 'succeeded', 2),
    ];
    await fixture.store.appender.append(events.map((event) => submit(fixture.credential, event)));
    const { attempts: detail } = await fixture.store.queries.action('acme', action, { nowMs: NOW_MS });
    expect(detail.map(({ attempt, state }) => [attempt, state.status, state.complete])).toEqual([
      [1, 'failed', true],
      [2, 'succeeded', true],
    ]);
    expect(detail.flatMap((attempt) => attempt.events.map(({ event }) => event))).toEqual(events);
    expect(await fixture.store.queries.action('other', action, { nowMs: NOW_MS })).toEqual({ attempts: [] });
    expect(await fixture.store.queries.action('acme', "x' OR 1=1", { nowMs: NOW_MS })).toEqual({ attempts: [] });
  });

  it('pages through dead letters', async () => {
    const letters = Array.from({ length: 5 }, (_, n) => submit(fixture.credential, new TextEncoder().encode(`{${n}`), `kafka:t/0/${n}`));
    await fixture.store.appender.append(letters);
    const origins: string[] = [];
    let cursor: string | undefined;
    do {
      const result = await fixture.store.queries.deadLetters('acme', { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      origins.push(...result.deadLetters.map(({ origin }) => origin));
      cursor = result.next;
    } while (cursor !== undefined);
    expect(origins).toEqual(letters.map(({ origin }) => origin));
    await fixture.expectSound();
  });
});
