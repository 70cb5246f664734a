import { waitUntil } from '@recant/test-support';
import type pg from 'pg';
import type { ClientBase } from 'pg';

/** Longest wait for a lock: a schedule waits for the locks only that it knows of. */
const LOCK_WAIT_MS = 30_000;

const IS_WAITING_SQL = 'SELECT FROM pg_locks WHERE pid = $1 AND NOT granted LIMIT 1';

export interface Schedule {
  /** Sees which statement waits for a lock. */
  readonly monitor: Pick<pg.Pool, 'query'>;
  readonly table: string;
  /** Ids 1 to `rows`: few, so that some transactions fail. */
  readonly rows: number;
  readonly seed: number;
  /** Statement of the n-th transaction before it reads. */
  readonly first?: (n: number) => string;
}

interface Running {
  readonly client: ClientBase;
  readonly n: number;
  readonly read: readonly [number, number];
  readonly written: number;
  step: number;
  /** The statement that waits for another transaction's row. */
  waiting?: Promise<boolean>;
}

/**
 * Transactions under SERIALIZABLE that read two rows and write one, one after the other on each client. A seed decides whose statement is next, so that
 * which of them fail depends on the seed, and not on how long a statement takes.
 * @returns one character a transaction: `c` committed, or the number of the statement that failed to serialize
 */
export async function playInterleaved(clients: readonly ClientBase[], transactions: number, schedule: Schedule): Promise<string> {
  const random = randomOf(schedule.seed);
  const outcomes: string[] = [];
  const holders = new Map<number, Running>();
  const queues = new Map<number, Running[]>();
  let begun = 0;
  const begin = (client: ClientBase): Running => {
    const row = () => 1 + Math.floor(random() * schedule.rows);
    return { client, n: begun++, read: [row(), row()], written: row(), step: 0 };
  };
  const running = clients.map(begin);

  const finish = async (one: Running, outcome: string): Promise<void> => {
    outcomes[one.n] = outcome;
    if (outcome !== 'c') await one.client.query('ROLLBACK');
    running.splice(running.indexOf(one), 1);
    if (begun < transactions) running.push(begin(one.client));
    await release(one, outcome === 'c');
  };
  /** A commit fails everybody who waits for the row; a rollback gives it to the first. */
  const release = async (one: Running, committed: boolean): Promise<void> => {
    if (holders.get(one.written) !== one) return;
    holders.delete(one.written);
    const queue = queues.get(one.written) ?? [];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const succeeded = await next.waiting;
      delete next.waiting;
      if (succeeded) holders.set(next.written, next);
      else await finish(next, '2');
      if (succeeded && !committed) return;
    }
  };
  const write = async (one: Running): Promise<boolean | undefined> => {
    const written = attempt(one.client, `UPDATE ${schedule.table} SET n = n + 1 WHERE id = ${one.written}`);
    if (holders.has(one.written)) {
      // It fails at once where the row was written since its snapshot, and waits else.
      let failed = false;
      void written.then((succeeded) => {
        failed = !succeeded;
      });
      const { processID } = one.client as pg.Client & { readonly processID: number };
      await waitUntil(async () => failed || (await schedule.monitor.query(IS_WAITING_SQL, [processID])).rowCount === 1);
      if (failed) return written;
      one.waiting = written;
      queues.set(one.written, [...(queues.get(one.written) ?? []), one]);
      return undefined;
    }
    const succeeded = await written;
    if (succeeded) holders.set(one.written, one);
    return succeeded;
  };

  while (running.length > 0) {
    const ready = running.filter(({ waiting }) => waiting === undefined);
    const one = ready[Math.floor(random() * ready.length)] as Running;
    const step = one.step++;
    if (step === 0) {
      await one.client.query(`SET lock_timeout = ${LOCK_WAIT_MS}; BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL enable_seqscan = off`);
      if (!(await attempt(one.client, schedule.first?.(one.n) ?? 'SELECT FROM pg_class LIMIT 1'))) await finish(one, '0');
    } else if (step === 1) {
      if (!(await attempt(one.client, `SELECT sum(n) FROM ${schedule.table} WHERE id IN (${one.read.join()})`))) await finish(one, '1');
    } else if (step === 2) {
      if ((await write(one)) === false) await finish(one, '2');
    } else await finish(one, (await attempt(one.client, 'COMMIT')) ? 'c' : '3');
  }
  return outcomes.join('');
}

/** @returns false: it failed to serialize */
const attempt = (client: ClientBase, text: string): Promise<boolean> =>
  client.query(text).then(
    () => true,
    (error: { code?: string }) => {
      if (error.code === '40001') return false;
      throw error;
    },
  );

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
