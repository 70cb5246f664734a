import type { AttemptRef, RecantEvent } from '@recant/events';
import type { Credential } from '@recant/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, Lane, NOW_MS, openFixture, submit } from './fixture.ts';

describe('a listed attempt', () => {
  let fixture: Fixture;
  let runner: Credential;
  const inverse = Object.assign(new Lane('runs', 'recant'), { source: 'recant://recant/runs' });
  beforeAll(async () => {
    fixture = await openFixture();
    const own = { tenant: 'acme', roles: ['rollback'], sourcePrefix: 'recant://recant', agents: ['recant'], resources: [] } as const;
    runner = (await fixture.store.credentials.create(own)).credential;
  });
  afterAll(async () => {
    await fixture.expectSound();
    await fixture[Symbol.asyncDispose]();
  });

  const append = (events: readonly RecantEvent[], credential: Credential = fixture.credential) =>
    fixture.store.appender.append(events.map((event) => submit(credential, event)));
  const attemptOf = async (lane: Lane): Promise<AttemptRef> => {
    const { action, events } = lane.attempt();
    await append(events);
    return { source: lane.source, action, attempt: 1 };
  };
  let runs = 0;
  /** An inverse. @param outcome `open`: it runs still */
  async function undo(of: AttemptRef, outcome = 'succeeded', tool = 'undo') {
    const [action, run] = [inverse.action(), `run-${++runs}`];
    await append([inverse.intended(action, { tool, inverts: { ...of, run, step: 1 } })], runner);
    if (outcome !== 'open') await append([inverse.settled(action, [], outcome)], runner);
    return { run, ref: { source: inverse.source, action, attempt: 1 } };
  }
  const list = (lane: Lane, more = {}) =>
    fixture.store.queries.attempts('acme', { selection: { agents: [lane.agent] }, limit: 10, nowMs: NOW_MS, ...more });
  /** As listed, after making sure that the answer about its action says the same. */
  async function undoneOf(lane: Lane) {
    const [attempt] = (await list(lane)).attempts;
    const [shown] = (await fixture.store.queries.action('acme', attempt?.ref.action ?? '', { nowMs: NOW_MS })).attempts;
    expect(shown?.undone).toEqual(attempt?.undone);
    return attempt?.undone && [attempt.undone.run, attempt.undone.part];
  }

  it('is undone by the run whose inverse succeeded, not by one that failed or goes on', async () => {
    const lane = new Lane('plain', 'agent-plain');
    const ref = await attemptOf(lane);
    expect(await undoneOf(lane)).toBeUndefined();
    await undo(ref, 'failed');
    await undo(ref, 'open');
    expect(await undoneOf(lane)).toBeUndefined();
    const { run } = await undo(ref);
    expect(await undoneOf(lane)).toEqual([run, false]);
    expect(await fixture.store.queries.attempts('other', { selection: {}, limit: 10, nowMs: NOW_MS })).toMatchObject({ attempts: [] });
  });

  it('is in effect again once its inverse is undone, to any depth', async () => {
    const lane = new Lane('deep', 'agent-deep');
    const ref = await attemptOf(lane);
    const first = await undo(ref);
    const second = await undo(first.ref);
    expect(await undoneOf(lane)).toBeUndefined();
    await undo(second.ref);
    expect(await undoneOf(lane)).toEqual([first.run, false]);
  });

  it('is undone in part while rows of it were left, and whole after another run', async () => {
    const lane = new Lane('part', 'agent-part');
    const ref = await attemptOf(lane);
    const some = await undo(ref, 'succeeded', 'undo_part');
    expect(await undoneOf(lane)).toEqual([some.run, true]);
    const all = await undo(ref);
    expect(await undoneOf(lane)).toEqual([all.run, false]);
  });

  it('has the state of the first page on all pages', async () => {
    const lane = new Lane('paged', 'agent-paged');
    const refs = [await attemptOf(lane), await attemptOf(lane)];
    const first = await list(lane, { limit: 1 });
    for (const ref of refs) await undo(ref);
    const second = await list(lane, { limit: 1, cursor: first.next });
    expect(second.attempts.map(({ undone }) => undone)).toEqual([undefined]);
    expect((await list(lane)).attempts.filter(({ undone }) => undone)).toHaveLength(2);
  });

  it('that inverts itself ends the look-up', async () => {
    const action = inverse.action();
    const own = { source: inverse.source, action, attempt: 1 };
    await append([inverse.intended(action, { inverts: { ...own, run: 'loop', step: 1 } }), inverse.settled(action, [])], runner);
    expect((await fixture.store.queries.action('acme', action, { nowMs: NOW_MS })).attempts).toHaveLength(1);
  });
});
