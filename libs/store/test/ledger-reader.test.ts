import type { Effect } from '@recant/events';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLedgerReader } from '../src/index.ts';
import { effect, type Fixture, Lane, NOW_MS, openFixture, submit } from './fixture.ts';

/** More than two statements of the reader look up. */
const EFFECTS_MANY = 12_500;
const EFFECTS_PER_CHUNK = 250;
/** Of one attempt, and of one answer (`src/reader/entries.ts`). */
const [ENTRIES_MANY, ENTRIES_MAX] = [2_300, 1_000];

describe('ledger reader', () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await openFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  const append = (events: readonly Parameters<typeof submit>[1][], credential = fixture.credential) =>
    fixture.store.appender.append(events.map((event) => submit(credential, event)));

  it('returns the same answer for the same vector, whatever was appended later', async () => {
    const { ledgerReader: reader } = fixture.store;
    const lane = new Lane('vector', 'agent-vector');
    const { action, events } = lane.attempt('filesystem://shop/public.orders/v1');
    const ref = { source: lane.source, action, attempt: 1 };
    const ask = async (vector: Awaited<ReturnType<typeof reader.vector>>) => [
      await reader.select('acme', { agents: [lane.agent] }, vector),
      await reader.attempts('acme', [ref], vector),
      await reader.effectsOf('acme', [ref], vector),
      await reader.effectsOn('acme', ['filesystem://shop/public.orders/v1'], vector),
    ];
    const vectors = [];
    const answers = [];
    for (const event of events) {
      await append([event]);
      vectors.push(await reader.vector('acme'));
      answers.push(await ask(vectors.at(-1) as never));
    }
    await append(lane.attempt('filesystem://shop/public.orders/v1').events);
    for (const [n, vector] of vectors.entries()) expect(await ask(vector)).toEqual(answers[n]);
    expect(answers.map(([selected]) => selected?.map((one) => 'status' in one && [one.status, one.complete]))).toEqual([
      [['open', false]],
      [['open', false]],
      [['succeeded', true]],
    ]);
    expect(answers.map(([, , effects]) => effects?.length)).toEqual([0, 1, 1]);
    expect(await ask({})).toEqual([[], [], [], []]);
  });

  it('returns effects from the entries, with grade and registration from the credential', async () => {
    const { ledgerReader: reader, credentials } = fixture.store;
    const lane = new Lane('grade', 'agent-grade');
    const { action, events } = lane.attempt('filesystem://shop/public.orders/g1');
    await append(events);
    const own = await credentials.create({
      tenant: 'acme',
      roles: ['rollback'],
      sourcePrefix: 'recant://rollback',
      agents: ['recant'],
      resources: ['*'],
    });
    const inverse = Object.assign(new Lane('x', 'recant'), { source: 'recant://rollback/1' });
    const undo = inverse.action();
    const inverts = { source: lane.source, action, attempt: 1, run: inverse.action(), step: 3 };
    await append([inverse.intended(undo, { inverts })], own.credential);
    const vector = await reader.vector('acme');
    const [claimed, attested] = [
      await reader.select('acme', { agents: ['agent-grade'] }, vector),
      await reader.select('acme', { runs: [inverts.run] }, vector),
    ];
    expect(claimed).toMatchObject([
      { grade: 'claimed', registered: ['filesystem://shop/*'], keyId: fixture.credential.keyId, receivedAtMs: NOW_MS },
    ]);
    expect(attested).toMatchObject([{ grade: 'attested', registered: ['*'], inverts, agent: 'recant', status: 'open' }]);
    const original = { source: lane.source, action, attempt: 1 };
    expect(await reader.inversesOf('acme', [original, { ...original, attempt: 2 }], vector)).toEqual(attested);
    expect(await reader.inversesOf('other', [original], vector)).toEqual([]);
    expect(await reader.inversesOf('acme', [original], {})).toEqual([]);
    const expected = effect('filesystem://shop/public.orders/g1');
    const [found] = await reader.effectsOn('acme', [expected.resource, expected.resource], vector);
    expect(found).toEqual({ ...expected, attempt: { source: lane.source, action, attempt: 1 }, entry: found?.entry });
    expect(await reader.effectsOn('other', [expected.resource], vector)).toEqual([]);
  });

  it(`reads ${EFFECTS_MANY} effects set by set`, async () => {
    const { ledgerReader: reader } = fixture.store;
    const lane = new Lane('many', 'agent-many');
    const action = lane.action();
    await append([lane.intended(action)]);
    const chunks: Effect[][] = [];
    for (let n = 0; n * EFFECTS_PER_CHUNK < EFFECTS_MANY; n += 1) {
      chunks.push(
        Array.from({ length: EFFECTS_PER_CHUNK }, (_, m) => effect(`filesystem://shop/public.many/${n * EFFECTS_PER_CHUNK + m}`)),
      );
    }
    for (let at = 0; at < chunks.length; at += 50)
      await append(chunks.slice(at, at + 50).map((list, n) => lane.effects(action, list, at + n)));
    await append([lane.settled(action, chunks)]);
    const vector = await reader.vector('acme');
    const [selected] = await reader.select('acme', { agents: ['agent-many'] }, vector);
    expect(selected).toMatchObject({ status: 'succeeded', complete: true });
    const effects = await reader.effectsOf('acme', [selected?.ref as never], vector);
    expect(effects).toHaveLength(EFFECTS_MANY);
    const resources = effects.map(({ resource }) => resource);
    expect(await reader.effectsOn('acme', resources, vector)).toHaveLength(EFFECTS_MANY);
    await fixture.expectSound();
  });

  it('reads attempts of any number of entries with bounded answers, whatever the order in which their chunks were recorded', async () => {
    const statements: number[] = [];
    const counted = {
      query: async (text: string, values: unknown[]) => {
        const answer = await fixture.store.pool.query(text, values);
        statements.push(answer.rowCount ?? 0);
        return answer;
      },
      connect: () => fixture.store.pool.connect(),
    } as unknown as pg.Pool;
    const reader = createLedgerReader(counted, fixture.store.projection, () => NOW_MS);
    const lane = new Lane('pages', 'agent-pages');
    const attempts = [ENTRIES_MANY, 400, 400, 400, 1].map((chunks, n) => {
      const lists = Array.from({ length: chunks }, (_, chunk) => [effect(`filesystem://shop/public.pages/${n}-${chunk}`)]);
      return { action: lane.action(), lists };
    });
    for (const { action, lists } of attempts) {
      await append([lane.intended(action)]);
      // The last chunk comes first.
      const chunks = [...lists.keys()].reverse();
      for (let at = 0; at < chunks.length; at += 500)
        await append(chunks.slice(at, at + 500).map((chunk) => lane.effects(action, lists[chunk] as Effect[], chunk)));
      await append([lane.settled(action, lists)]);
    }
    const vector = await reader.vector('acme');
    const selected = await reader.select('acme', { agents: [lane.agent] }, vector);
    expect(selected.map(({ ref, complete }) => [ref.action, complete])).toEqual(attempts.map(({ action }) => [action, true]));
    const refs = selected.map(({ ref }) => ref);
    const all = attempts.flatMap(({ lists }) => lists.flat());
    const found = await reader.effectsOf('acme', refs, vector);
    expect(found.map(({ resource }) => resource).sort()).toEqual(all.map(({ resource }) => resource).sort());
    const resources = all.map(({ resource }) => resource);
    expect(await reader.effectsOn('acme', resources, vector)).toEqual(found);
    const along: unknown[] = [];
    expect(await reader.select('acme', { agents: [lane.agent] }, vector, (effects) => along.push(effects))).toEqual(selected);
    expect(along).toEqual([found]);
    const some = found.filter(({ entry }) => entry.index % 2n === 0n);
    const rest = await reader.effectsOn('acme', resources, vector, some);
    expect(rest).toEqual(found.filter(({ entry }) => entry.index % 2n === 1n));
    const frames = statements.filter((rows) => rows > ENTRIES_MAX + 1);
    // Addresses of entries, without their content.
    expect(frames).toEqual([all.length, all.length]);

    const bounded = createLedgerReader(counted, fixture.store.projection, () => NOW_MS, 2 * ENTRIES_MAX);
    statements.length = 0;
    await expect(bounded.effectsOf('acme', refs, vector)).rejects.toMatchObject({ name: 'PlannerError', code: 'plan_too_large' });
    expect(Math.max(...statements)).toBe(ENTRIES_MAX + 1);
    await expect(bounded.effectsOn('acme', resources, vector)).rejects.toMatchObject({ code: 'plan_too_large' });
    const whole = bounded.select('acme', { agents: [lane.agent] }, vector, () => undefined);
    await expect(whole).rejects.toMatchObject({ code: 'plan_too_large' });
    expect(await bounded.select('acme', { agents: [lane.agent] }, vector)).toEqual(selected);
    await fixture.expectSound();
  });
});
