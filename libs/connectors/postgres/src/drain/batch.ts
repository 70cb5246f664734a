import { BATCH_BYTES_MAX, EventError } from '@recant/events';
import type { ClientBase } from 'pg';
import { attemptOf, type Chunk, chunkAt, chunksOf, type createStream, observed, type Target } from './observed.ts';
import { advance, type DrainedEffect, type DrainedTransaction, nameTransactions, readEffects, readTransactions } from './transactions.ts';

/** Events of one batch, and their bytes. */
const EVENTS_MAX = 1_000;
const BYTES_MAX = BATCH_BYTES_MAX / 2;

export type Stream = ReturnType<typeof createStream>;

/**
 * Adds the events of the next transactions to a stream and takes them off the queue, in the caller's transaction under the lock of `recant.system`.
 * A transaction that does not fit goes on in the next batch.
 * @returns position up to which every transaction is done; undefined: nothing to drain
 */
export async function fillBatch(client: ClientBase, target: Target, stream: Stream): Promise<string | undefined> {
  const transactions = await readTransactions(client);
  if (transactions.length === 0) return undefined;
  const chosen = chooseChunks(transactions);
  const ranges = chosen.flatMap(({ effects }) => effects ?? []);
  const rows = await readEffects(client, ranges);
  for (const chunk of chosen)
    observeChunk(stream, target, chunk, chunk.effects === undefined ? [] : (rows[ranges.indexOf(chunk.effects)] ?? []));
  await nameTransactions(client, actionsOf(target, chosen));
  return finish(client, transactions, chosen);
}

function chooseChunks(transactions: readonly DrainedTransaction[]): Chunk[] {
  const chosen: Chunk[] = [];
  let bytes = 0;
  for (const transaction of transactions) {
    for (let n = transaction.chunksDone; n < chunksOf(transaction); n += 1) {
      const chunk = chunkAt(transaction, n);
      bytes += chunk.bytes;
      if (chosen.length > 0 && (bytes > BYTES_MAX || chosen.length >= EVENTS_MAX)) return chosen;
      chosen.push(chunk);
    }
  }
  return chosen;
}

/** Effects that the ledger would refuse (a name that no event can carry) are counted: a bad name must not stop the drain. */
function observeChunk(stream: Stream, target: Target, chunk: Chunk, rows: readonly DrainedEffect[]): void {
  const data = observed(target, chunk, rows);
  try {
    stream.observe(data);
  } catch (error) {
    if (!(error instanceof EventError)) throw error;
    stream.observe({ ...data, effects: [], counted: [{ table: 'unreadable', changes: Math.max(1, rows.length), unknown: true }] });
  }
}

function actionsOf(target: Target, chosen: readonly Chunk[]): Map<string, string> {
  const actions = new Map<string, string>();
  for (const { transaction } of chosen) {
    const { action, of } = attemptOf(target, transaction);
    if (of === undefined && transaction.attempt !== null) actions.set(transaction.attempt.id, action);
  }
  return actions;
}

async function finish(client: ClientBase, transactions: readonly DrainedTransaction[], chosen: readonly Chunk[]): Promise<string> {
  const last = chosen.at(-1);
  const done = transactions
    .slice(0, last === undefined ? transactions.length : transactions.indexOf(last.transaction) + 1)
    .map((transaction) => {
      const chunksDone = transaction === last?.transaction ? last.chunk + 1 : chunksOf(transaction);
      return { n: transaction.n, chunksDone, finished: chunksDone === chunksOf(transaction) };
    });
  await advance(client, done);
  return done.findLast(({ finished }) => finished)?.n ?? (BigInt(done[0]?.n ?? '1') - 1n).toString();
}
