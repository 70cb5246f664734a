import { type AttemptObserved, eventId, type RecantEvent } from '@recant/events';
import type { Credential } from '@recant/ledger';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { effect, type Fixture, Lane, NOW_MS, openFixture, submit } from './fixture.ts';

/** A drain that records transactions of attempts which are named. */
class Drain extends Lane {
  override readonly source: string;
  #transactions = 0;

  constructor(name: string) {
    super(name, 'recant');
    this.source = `recant://recant/drain/${name}`;
  }

  /** Events of one transaction, one for each number of effects. */
  transaction(of: Pick<AttemptObserved, 'action' | 'of' | 'agent'>, chunks: readonly number[]): readonly RecantEvent[] {
    this.#transactions += 1;
    const at = new Date(NOW_MS).toISOString();
    const base = { attempt: 1, system: 'shop', transaction: `1/${this.#transactions}`, login: 'bot', from: at, to: at, ...of };
    return chunks.map((size, chunk) => {
      const effects = rows(size, `${base.transaction}-${chunk}`);
      const data = { ...base, chunk, chunks: chunks.length, effects };
      return this.event({ id: eventId.observed(data), type: 'recant.attempt.observed.v1', data });
    });
  }
}

const rows = (count: number, name: string) =>
  Array.from({ length: count }, (_, n) => effect(`postgres://shop/public.orders/${name}-${n}`, String(n + 1)));
const files = (count: number) => Array.from({ length: count }, (_, n) => effect(`filesystem://shop/file-${n}`, String(n + 1)));

describe('the number of effects in a list', () => {
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

  const append = (events: readonly RecantEvent[], credential: Credential = fixture.credential) =>
    fixture.store.appender.append(events.map((event) => submit(credential, event)));
  const listed = async (lane: Lane, more: { cursor?: string; limit?: number } = {}) =>
    fixture.store.queries.attempts('acme', { selection: { agents: [lane.agent] }, limit: 10, nowMs: NOW_MS, ...more });
  const counts = async (lane: Lane) => (await listed(lane)).attempts.map(({ effects }) => [effects.reported, effects.observed]);
  const shown = async (action: string) =>
    (await fixture.store.queries.action('acme', action, { nowMs: NOW_MS })).attempts.map(({ state }) => [
      state.effects - state.observed,
      state.observed,
    ]);

  it('I14: is the target’s for a captured system, whatever the agent reported and settled', async () => {
    const [lane, drain] = [new Lane('liar', 'agent-liar'), new Drain('liar')];
    const action = lane.action();
    const [invented, own] = [rows(5, 'invented'), files(2)];
    await append([lane.intended(action), lane.effects(action, [...invented, ...own]), lane.settled(action, [rows(900, 'never-sent')])]);
    expect(await counts(lane)).toEqual([[2, 0]]);
    await append(drain.transaction({ action, of: lane.source, agent: lane.agent }, [3, 1]), drainKey);
    expect(await counts(lane)).toEqual([[2, 4]]);
    expect(await shown(action)).toEqual([[2, 4]]);
  });

  it('counts what the agent reports of other systems before it settles, also chunk by chunk', async () => {
    const lane = new Lane('files', 'agent-files');
    const action = lane.action();
    await append([lane.intended(action)]);
    expect(await counts(lane)).toEqual([[0, 0]]);
    await append([lane.effects(action, files(2), 0), lane.effects(action, files(3), 1)]);
    await append([lane.effects(action, files(1), 2)]);
    expect(await counts(lane)).toEqual([[6, 0]]);
    expect(await shown(action)).toEqual([[6, 0]]);
  });

  it('adds the transactions of several systems and of both before and after the intent, and counts a repeated event once', async () => {
    const [lane, one, two] = [new Lane('several', 'agent-several'), new Drain('several-one'), new Drain('several-two')];
    const [action, other] = [lane.action(), lane.action()];
    const named = { action, of: lane.source, agent: lane.agent };
    const early = one.transaction(named, [2]);
    await append(early, drainKey);
    expect(await counts(lane)).toEqual([[0, 2]]);
    await append([lane.intended(action), lane.intended(other)]);
    await append([...early, ...two.transaction(named, [4]), ...one.transaction({ ...named, action: other }, [7])], drainKey);
    await append(one.transaction(named, [8]), drainKey);
    expect(await counts(lane)).toEqual([
      [0, 14],
      [0, 7],
    ]);
    expect([...(await shown(action)), ...(await shown(other))]).toEqual([
      [0, 14],
      [0, 7],
    ]);
  });

  it('is the one of the first page on all its pages', async () => {
    const [lane, drain] = [new Lane('pages', 'agent-pages'), new Drain('pages')];
    const actions = [lane.action(), lane.action()];
    await append(actions.map((action) => lane.intended(action)));
    const named = (action: string) => ({ action, of: lane.source, agent: lane.agent });
    for (const action of actions) await append(drain.transaction(named(action), [1]), drainKey);
    const first = await listed(lane, { limit: 1 });
    for (const action of actions) await append(drain.transaction(named(action), [5]), drainKey);
    const second = await listed(lane, { limit: 1, cursor: first.next as string });
    expect([...first.attempts, ...second.attempts].map(({ effects }) => effects.observed)).toEqual([1, 1]);
    expect(await counts(lane)).toEqual([
      [0, 6],
      [0, 6],
    ]);
  });

  it('costs a few rows, whatever the number of transactions', async () => {
    const [lane, drain] = [new Lane('many', 'agent-many'), new Drain('many')];
    const action = lane.action();
    await append([lane.intended(action)]);
    const named = { action, of: lane.source, agent: lane.agent };
    await append(Array.from({ length: 700 }, () => drain.transaction(named, [1])).flat(), drainKey);
    const statements = vi.spyOn(pg.Client.prototype, 'query');
    expect(await counts(lane)).toEqual([[0, 700]]);
    const call = statements.mock.calls.find(([text]) => typeof text === 'string' && text.includes('recant.effect_count'));
    statements.mockRestore();
    const [text, values] = call as unknown as [string, unknown[]];
    expect(await rowsRead(text, values)).toBeLessThan(10);
  });

  /** Rows that a statement reads from tables. */
  async function rowsRead(text: string, values: readonly unknown[]): Promise<number> {
    const owner = new pg.Client({ connectionString: fixture.ownerUrl });
    await owner.connect();
    const { rows: found } = await owner.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, [...values]);
    await owner.end();
    const sum = (node: PlanNode): number =>
      (node['Relation Name'] === undefined ? 0 : node['Actual Loops'] * (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0))) +
      (node.Plans ?? []).reduce((all, one) => all + sum(one), 0);
    return sum(found[0]['QUERY PLAN'][0].Plan);
  }
});

interface PlanNode {
  readonly 'Relation Name'?: string;
  readonly 'Actual Loops': number;
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}
