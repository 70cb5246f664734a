import type { AttemptRef } from '@recant/events';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type PostgresSystem, postgresSystem } from '../src/index.ts';
import { createStage, nextAction, type Stage, SYSTEM } from './stage.ts';

const SCHEMA = `
CREATE TABLE items (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, note text);
CREATE FUNCTION bump(p int) RETURNS int LANGUAGE sql AS 'UPDATE items SET n = n + 1 WHERE id = p RETURNING n';
CREATE PROCEDURE twice(p int) LANGUAGE plpgsql AS $$ BEGIN UPDATE items SET n = n + 1 WHERE id = p; COMMIT; UPDATE items SET n = n + 1 WHERE id = p; END $$;
CREATE TABLE rooms (id int PRIMARY KEY, code text, CONSTRAINT rooms_code UNIQUE (code) DEFERRABLE INITIALLY DEFERRED)`;

let stage: Stage;
let system: PostgresSystem;
let pool: pg.Pool;
/** The application's pool, recorded. */
let shop: pg.Pool;
beforeAll(async () => {
  stage = await createStage(SCHEMA);
  system = postgresSystem({ name: SYSTEM, pool: stage.pools[0] as pg.Pool });
});
beforeEach(async () => {
  await stage.owner.query('TRUNCATE items, rooms, recant.capture, recant.change, recant.transaction, recant.undrained');
  await stage.owner.query('INSERT INTO items SELECT g FROM generate_series(1, 9) g; TRUNCATE recant.capture');
  pool = new pg.Pool({ connectionString: urlOfAgent(), max: 3 });
  shop = system.record(pool);
});
afterAll(() => stage[Symbol.asyncDispose]());

const urlOfAgent = (): string => Object.assign(new URL(stage.ownerUrl), { username: stage.agents[0], password: stage.agents[0] }).href;

/** One attempt: `work` is its tool. */
async function act<T>(work: (ref: AttemptRef) => Promise<T>): Promise<T> {
  const ref = { source: `recant://agent0/${"o'neill\\"}`, action: nextAction(), attempt: 1 };
  let ended = false;
  let capturing: Promise<unknown> | undefined;
  const captured = async (): Promise<void> => {
    if (ended) throw Object.assign(new Error('ended'), { code: 'closed' });
    capturing ??= system.capture(ref, []);
    await capturing;
  };
  try {
    return (await system.during?.(ref, captured, () => work(ref))) as T;
  } finally {
    ended = true;
  }
}

/** What the target knows: `action key operation`, `login` for transactions that named nobody. Only numbers of actions are compared. */
async function recorded(...refs: readonly AttemptRef[]): Promise<string[]> {
  await stage.owner.query('SELECT recant.absorb()');
  const { rows } = await stage.owner.query<{ source: string; action: string; key: string; operation: string }>(
    `SELECT coalesce(a.source, 'nobody') AS source, a.action, c.key[1] AS key, c.operation FROM recant.change c LEFT JOIN recant.attempt a ON a.id = c.attempt ORDER BY c.ordinal`,
  );
  const nameOf = (action: string): string => {
    const at = refs.findIndex((ref) => ref.action === action);
    return at < 0 ? 'login' : `attempt ${at}`;
  };
  await pool.end();
  return rows.map(({ action, key, operation }) => `${nameOf(action)}: ${operation} ${key}`);
}

describe('statements of a recorded pool belong to the attempt in whose tool they are made', () => {
  test('with values, without, prepared, by callback, many in one text; outside of an action they are the login’s', async () => {
    await shop.query('UPDATE items SET n = 5 WHERE id = 9');
    const ref = await act(async (of) => {
      const one = await shop.query('UPDATE items SET n = $1 WHERE id = 1 RETURNING id, n', [7]);
      expect(one).toMatchObject({ command: 'UPDATE', rowCount: 1, rows: [{ id: 1, n: 7 }] });
      expect((await shop.query('SELECT n FROM items WHERE id = 1')).rows).toEqual([{ n: 7 }]);
      await shop.query({ name: 'prepared', text: 'UPDATE items SET n = $1 WHERE id = 2', values: [1] });
      await shop.query({ name: 'prepared', text: 'UPDATE items SET n = $1 WHERE id = 2', values: [2] });
      expect((await shop.query({ text: 'SELECT bump(3) AS n -- a comment', rowMode: 'array' })).rows).toEqual([[1]]);
      await new Promise<void>((resolve, reject) => {
        void shop.query('UPDATE items SET n = 1 WHERE id = 4', (error) =>
          error ? reject(error) : shop.query('UPDATE items SET n = 1 WHERE id = 5', (e) => (e ? reject(e) : resolve())),
        );
      });
      const many = (await shop.query(
        `UPDATE items SET note = 'a;b' WHERE id = 6; SELECT 1 AS one; UPDATE items SET n = 1 WHERE id = 7`,
      )) as unknown as pg.QueryResult[];
      expect(many.map(({ command, rowCount }) => [command, rowCount])).toEqual([
        ['UPDATE', 1],
        ['SELECT', 1],
        ['UPDATE', 1],
      ]);
      return of;
    });
    await shop.query('UPDATE items SET n = 6 WHERE id = 9');
    expect(await recorded(ref)).toEqual(['login: u 9', ...[1, 2, 2, 3, 4, 5, 6, 7].map((id) => `attempt 0: u ${id}`), 'login: u 9']);
  });

  test('transactions that the application opens: savepoints, errors, rollback, a name that was rolled back with its savepoint', async () => {
    const ref = await act(async (of) => {
      const client = await shop.connect();
      try {
        await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
        await client.query('SAVEPOINT first');
        await client.query('UPDATE items SET n = 1 WHERE id = 1');
        await client.query('ROLLBACK TO first');
        await client.query('UPDATE items SET n = 2 WHERE id = 2');
        await client.query('SAVEPOINT second');
        await expect(client.query('INSERT INTO items VALUES ($1)', [2])).rejects.toMatchObject({ code: '23505' });
        await client.query('ROLLBACK TO second');
        await client.query('INSERT INTO items VALUES (10)');
        await client.query('COMMIT');
        await client.query('BEGIN');
        await client.query('UPDATE items SET n = 3 WHERE id = 3');
        await client.query('ROLLBACK');
        await client.query('BEGIN READ ONLY');
        expect((await client.query('SELECT count(*)::int AS n FROM items')).rows).toEqual([{ n: 10 }]);
        await client.query('COMMIT AND CHAIN');
        await client.query('SELECT 1');
        await client.query('ROLLBACK AND CHAIN');
        await client.query('END');
      } finally {
        client.release();
      }
      return of;
    });
    expect(await recorded(ref)).toEqual(['attempt 0: u 2', 'attempt 0: i 10']);
  });

  test('transaction control within one text, and an error’s place in it', async () => {
    const ref = await act(async (of) => {
      await shop.query(`BEGIN; UPDATE items SET n = 1 WHERE id = 1; /* ; */ COMMIT; BEGIN ISOLATION LEVEL SERIALIZABLE;
        UPDATE items SET note = $$;COMMIT$$ WHERE id = 2; COMMIT; UPDATE items SET n = 1 WHERE id = 3;`);
      const text = 'UPDATE items SET n = 1 WHERE id = 4; COMMIT; SELECT * FROM nowhere';
      await expect(shop.query(text)).rejects.toMatchObject({ code: '42P01', position: String(text.indexOf('nowhere') + 1) });
      const short = 'SELECT * FROM nowhere';
      await expect(shop.query(short)).rejects.toMatchObject({ position: String(short.indexOf('nowhere') + 1) });
      return of;
    });
    expect(await recorded(ref)).toEqual([1, 2, 3, 4].map((id) => `attempt 0: u ${id}`));
  });

  test('statements that no transaction block allows succeed, and an error at the commit reaches the caller', async () => {
    const ref = await act(async (of) => {
      await shop.query('VACUUM items').catch((error) => expect(error.code).not.toBe('25001'));
      await shop.query('CALL twice(1)');
      await shop.query(`INSERT INTO rooms VALUES (1, 'a')`);
      await expect(shop.query(`INSERT INTO rooms VALUES (2, 'a')`)).rejects.toMatchObject({ code: '23505' });
      await expect(shop.query('INSERT INTO rooms VALUES ($1, $2)', [2, 'a'])).rejects.toMatchObject({ code: '23505' });
      return of;
    });
    // A procedure that commits by itself is named for its last transaction only.
    expect(await recorded(ref)).toEqual(['login: u 1', 'attempt 0: u 1', 'attempt 0: i 1']);
  });

  test('two attempts at once on one pool, and queries that nobody awaits one by one', async () => {
    const refs = await Promise.all(
      [1, 2, 3, 4].map((id) =>
        act(async (of) => {
          const client = await shop.connect();
          await Promise.all([
            client.query('BEGIN'),
            client.query('UPDATE items SET n = $1 WHERE id = $1', [id]),
            client.query('UPDATE items SET note = $1 WHERE id = $2', ['x', id]),
            client.query('COMMIT'),
            client.query('UPDATE items SET n = 9 WHERE id = $1', [id + 4]),
          ]);
          client.release();
          return of;
        }),
      ),
    );
    const all = await recorded(...refs);
    expect(all.sort()).toEqual(
      [0, 1, 2, 3].flatMap((n) => [`attempt ${n}: u ${n + 1}`, `attempt ${n}: u ${n + 1}`, `attempt ${n}: u ${n + 5}`]).sort(),
    );
  });

  test('one transaction is one attempt: that of its first recorded statement, also within a nested action', async () => {
    let inner: AttemptRef | undefined;
    const outer = await act(async (of) => {
      const client = await shop.connect();
      await client.query('BEGIN');
      await client.query('UPDATE items SET n = 1 WHERE id = 1');
      inner = await act(async (nested) => {
        await client.query('UPDATE items SET n = 1 WHERE id = 2');
        await shop.query('UPDATE items SET n = 1 WHERE id = 3');
        return nested;
      });
      await client.query('COMMIT');
      client.release();
      return of;
    });
    expect(await recorded(outer, inner as AttemptRef)).toEqual(['attempt 0: u 1', 'attempt 0: u 2', 'attempt 1: u 3']);
  });

  test('copy streams in both directions', async () => {
    const ref = await act(async (of) => {
      const client = await shop.connect();
      await new Promise((resolve, reject) => {
        const rows = client.query(copyFrom('COPY items (id) FROM STDIN'));
        rows.on('finish', resolve).on('error', reject);
        rows.end('20\n21\n');
      });
      const chunks: Buffer[] = [];
      for await (const chunk of client.query(copyTo('COPY (SELECT id FROM items WHERE id >= 20 ORDER BY 1) TO STDOUT')))
        chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString()).toBe('20\n21\n');
      await client.query('UPDATE items SET n = 1 WHERE id = 1');
      client.release();
      return of;
    });
    expect(await recorded(ref)).toEqual(['attempt 0: i 20', 'attempt 0: i 21', 'attempt 0: u 1']);
  });

  test('a client of its own, with pipelining or without, connected before or after it was recorded', async () => {
    const refs: AttemptRef[] = [];
    for (const pipeline of [false, true]) {
      const plain = new pg.Client({ connectionString: urlOfAgent(), pipeline } as pg.ClientConfig);
      const client = system.record(plain);
      await client.connect();
      expect([client instanceof pg.Client, system.record(plain) === client, system.record(client) === client]).toEqual([true, true, true]);
      const ref = await act(async (of) => {
        await Promise.all([
          client.query('BEGIN'),
          client.query('UPDATE items SET n = $1 WHERE id = 1', [1]),
          client.query('COMMIT'),
          client.query('SELECT 1'),
        ]);
        await client.query('UPDATE items SET n = 2 WHERE id = 2');
        return of;
      });
      refs.push(ref);
      await client.end();
    }
    expect(await recorded(...refs)).toEqual(['attempt 0: u 1', 'attempt 0: u 2', 'attempt 1: u 1', 'attempt 1: u 2']);
  });
});

test('callbacks belong to the code that made the query, not to the action in which the connection was opened', async () => {
  let release: () => void = () => undefined;
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = act(async (of) => {
    await shop.query('SELECT 1');
    await until;
    return of;
  });
  const byCallback = async (id: number): Promise<void> => {
    const client = await shop.connect();
    await new Promise<void>((resolve, reject) => {
      void client.query('SELECT 1', () =>
        client.query('UPDATE items SET n = 1 WHERE id = $1', [id], (error) => (error ? reject(error) : resolve())),
      );
    });
    await new Promise((resolve) => client.query(new pg.Query('SELECT 1')).on('end', resolve));
    client.release();
    await new Promise<void>((resolve, reject) => {
      shop.connect((error, other, done) => {
        if (error || other === undefined) return reject(error);
        other.query('UPDATE items SET n = 2 WHERE id = $1', [id], (failure) => {
          done();
          return failure ? reject(failure) : resolve();
        });
      });
    });
  };
  await byCallback(1);
  const second = await act(async (of) => {
    await byCallback(2);
    return of;
  });
  release();
  expect(await recorded(await first, second)).toEqual(['login: u 1', 'login: u 1', 'attempt 1: u 2', 'attempt 1: u 2']);
});

describe('I1: a statement that cannot be named does not take effect', () => {
  test('because the capture fails: the statement fails, and the client works on', async () => {
    const client = await shop.connect();
    const refusal = Object.assign(new Error('not registered'), { code: 'capture_failed' });
    const ref = { source: 'recant://agent0/1', action: nextAction(), attempt: 1 };
    await system.during?.(
      ref,
      () => Promise.reject(refusal),
      async () => {
        await expect(client.query('UPDATE items SET n = 1 WHERE id = 1')).rejects.toBe(refusal);
        await expect(client.query('UPDATE items SET n = $1', [1])).rejects.toBe(refusal);
        await expect(shop.query('SELECT 1')).rejects.toBe(refusal);
      },
    );
    expect((await client.query('SELECT sum(n)::int AS n FROM items')).rows).toEqual([{ n: 0 }]);
    client.release();
    expect(await recorded()).toEqual([]);
  });

  test('because the target refuses the name: it is rolled back; once the action has ended, statements are the login’s', async () => {
    let later: (() => Promise<unknown>) | undefined;
    const ref = await act(async (of) => {
      await shop.query('UPDATE items SET n = 1 WHERE id = 1');
      const { AsyncResource } = await import('node:async_hooks');
      later = AsyncResource.bind(() => shop.query('UPDATE items SET n = 4 WHERE id = 4'));
      await stage.pools[0]?.query('SELECT recant.settle_attempt($1, $2, 1)', [of.source, of.action]);
      await expect(shop.query('UPDATE items SET n = 2 WHERE id = 2')).rejects.toMatchObject({ code: '55000' });
      return of;
    });
    await later?.();
    expect(await recorded(ref)).toEqual(['attempt 0: u 1', 'login: u 4']);
  });

  test('what is no client or pool of pg is refused', () => {
    for (const wrong of [{}, { query: async () => ({ rows: [] }) }, () => undefined])
      expect(() => system.record(wrong)).toThrow(expect.objectContaining({ code: 'options_invalid' }));
  });
});

test('reads of an attempt get no transaction id and leave nothing in the target: they cost no commit', async () => {
  await act(async () => shop.query('SELECT 1'));
  const ref = await act(async (of) => {
    await shop.query('SELECT * FROM items WHERE id = $1', [1]);
    const client = await shop.connect();
    await client.query('BEGIN');
    await client.query('SELECT * FROM items');
    expect((await client.query('SELECT pg_current_xact_id_if_assigned() AS id')).rows).toEqual([{ id: null }]);
    await client.query('COMMIT');
    client.release();
    return of;
  });
  const { rows } = await stage.owner.query('SELECT FROM recant.attempt WHERE action = $1', [ref.action]);
  expect(rows).toEqual([]);
  await pool.end();
});
