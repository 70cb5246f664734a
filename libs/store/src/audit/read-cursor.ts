import type pg from 'pg';

const ROWS_PER_FETCH = 5_000;

/**
 * Reads a long result in batches, within the client's open transaction.
 * @param name part of the statement: never untrusted text
 * @param rowsPerFetch lower for long rows
 */
export async function* readCursor<T>(
  client: pg.ClientBase,
  name: string,
  text: string,
  values: readonly unknown[],
  toRow: (row: Record<string, unknown>) => T,
  rowsPerFetch = ROWS_PER_FETCH,
): AsyncIterable<T> {
  await client.query(`DECLARE recant_${name} NO SCROLL CURSOR FOR ${text}`, [...values]);
  for (;;) {
    const { rows } = await client.query(`FETCH ${rowsPerFetch} FROM recant_${name}`);
    for (const row of rows) yield toRow(row);
    if (rows.length < rowsPerFetch) break;
  }
  await client.query(`CLOSE recant_${name}`);
}
