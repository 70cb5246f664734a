import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asReader } from '../src/access/as-reader.ts';
import { createPool } from '../src/access/pool.ts';
import { type Fixture, openFixture } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

const running = async (owner: pg.Pool, mark: string): Promise<number> => {
  const text = 'SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = $1 AND query LIKE $2 AND pid <> pg_backend_pid()';
  return (await owner.query(text, ['active', `%${mark}%`])).rows[0].n;
};

test('V5: the query of a caller who went away ends, and its connection serves the next one', async () => {
  const pool = createPool(fixture.url, 2);
  const owner = new pg.Pool({ connectionString: fixture.ownerUrl, max: 1 });
  try {
    const caller = new AbortController();
    const slow = asReader(pool, 'acme', (client) => client.query("SELECT pg_sleep(50), 'abandoned'"), caller.signal);
    const ended = slow.catch((error: { code?: string }) => error.code);
    await waitUntil(async () => (await running(owner, 'abandoned')) === 1);
    caller.abort();
    expect(await ended).toBe('57014');
    expect(await running(owner, 'abandoned')).toBe(0);
    const { rows } = await asReader(pool, 'acme', (client) => client.query('SELECT 1 AS one'));
    expect(rows).toEqual([{ one: 1 }]);
    await expect(asReader(pool, 'acme', (client) => client.query('SELECT 1'), caller.signal)).rejects.toMatchObject({ name: 'AbortError' });
  } finally {
    await pool.end();
    await owner.end();
  }
});

test('I4: the end of one caller’s query never ends the next one’s on its connection (V5)', async () => {
  const pool = createPool(fixture.url, 1);
  try {
    for (let n = 0; n < 20; n += 1) {
      const caller = new AbortController();
      const left = asReader(
        pool,
        'acme',
        async (client) => {
          await client.query('SELECT 1');
          // The request to cancel it arrives when it has ended.
          caller.abort();
        },
        caller.signal,
      );
      const next = asReader(pool, 'acme', (client) => client.query('SELECT pg_sleep(0.05)'));
      await left;
      expect((await next).rowCount).toBe(1);
    }
  } finally {
    await pool.end();
  }
});
