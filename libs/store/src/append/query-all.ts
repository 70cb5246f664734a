import type pg from 'pg';

/** Sends several statements in one exchange. pg then returns a list of results, which its types do not declare. */
export async function queryAll(client: pg.ClientBase, statements: readonly string[]): Promise<readonly pg.QueryResult[]> {
  const results: unknown = await client.query(statements.join(';'));
  return Array.isArray(results) ? results : [results as pg.QueryResult];
}
