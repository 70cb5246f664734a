import type { RecantEvent } from '@recant/events';
import type { Submission } from '@recant/ledger';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { expect, test } from 'vitest';
import { type Fixture, Lane, openFixture, submit } from './fixture.ts';

const after = (fixture: Fixture, event: RecantEvent, id: string) => ({ ...submit(fixture.credential, event), after: id });

/** Copies the fixture's database, and replaces it by the copy like a restore. */
async function withOwner<T>(ownerUrl: string, use: (owner: pg.Client, name: string) => Promise<T>): Promise<T> {
  const url = new URL(ownerUrl);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const owner = new pg.Client({ connectionString: url.href });
  await owner.connect();
  try {
    return await use(owner, name);
  } finally {
    await owner.end();
  }
}
const endConnections = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()';

test('a log that lacks the last acknowledged event refuses the batch and stores nothing, not even a source', async () => {
  await using fixture = await openFixture();
  const lane = new Lane('behind');
  const [intended, effects, settled] = lane.attempt().events as [RecantEvent, RecantEvent, RecantEvent];
  const append = fixture.store.appender.append;
  expect(await append([after(fixture, effects, intended.id)])).toMatchObject([{ kind: 'refused', refusal: { code: 'log_behind_source' } }]);
  expect(await fixture.store.queries.logs('acme')).toEqual([]);
  expect((await fixture.store.queries.sources('acme', { limit: 1, nowMs: 0 })).sources).toEqual([]);

  await append([submit(fixture.credential, intended)]);
  const bystander = new Lane('bystander').attempt().events[0] as RecantEvent;
  const receipts = await append([after(fixture, settled, effects.id), submit(fixture.credential, bystander)]);
  expect(receipts).toMatchObject([{ refusal: { code: 'log_behind_source' } }, { kind: 'appended' }]);
  expect(await append([after(fixture, effects, intended.id), after(fixture, settled, intended.id)])).toMatchObject([
    { kind: 'appended' },
    { kind: 'appended' },
  ]);
  // An event of another source does not count.
  const [stranger] = new Lane('stranger').attempt().events;
  expect(await append([after(fixture, stranger as RecantEvent, settled.id)])).toMatchObject([{ refusal: { code: 'log_behind_source' } }]);
  await fixture.expectSound();
});

test('an older copy restored under a running store: missing events are noticed, and sources have their own numbers', async () => {
  await using fixture = await openFixture();
  // Until the pool has replaced its dead connections.
  const append = (batch: readonly Submission[]) => waitUntil(() => fixture.store.appender.append(batch));
  const lane = new Lane('a');
  const [intended, effects, settled] = lane.attempt().events as [RecantEvent, RecantEvent, RecantEvent];
  const late = new Lane('late');
  const [first, second] = late.attempt().events as [RecantEvent, RecantEvent];
  await append([submit(fixture.credential, intended)]);
  await withOwner(fixture.ownerUrl, async (owner, name) => {
    await owner.query(endConnections, [name]);
    // A backend outlives its connection, by seconds on a busy machine.
    await waitUntil(() => owner.query(`CREATE DATABASE ${name}_old TEMPLATE ${name}`));
    await append([after(fixture, effects, intended.id), submit(fixture.credential, first)]);
    await owner.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await owner.query(`ALTER DATABASE ${name}_old RENAME TO ${name}`);
  });
  const other = new Lane('other').attempt().events[0] as RecantEvent;
  const receipts = await append([after(fixture, settled, effects.id), after(fixture, second, first.id), submit(fixture.credential, other)]);
  expect(receipts).toMatchObject([
    { refusal: { code: 'log_behind_source' } },
    { refusal: { code: 'log_behind_source' } },
    { kind: 'appended' },
  ]);
  expect(await append([effects, settled, first, second].map((event) => submit(fixture.credential, event)))).toMatchObject(
    Array.from({ length: 4 }, () => ({ kind: 'appended' })),
  );
  await fixture.expectSound();
});
