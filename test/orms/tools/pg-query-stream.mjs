import pg from 'pg';
import QueryStream from 'pg-query-stream';
import { openWith } from './pg.mjs';

/** Cursors: single writes are read row by row. */
export async function open({ record, url }) {
  const rest = openWith(pg, record, url);
  const pool = record(new pg.Pool({ connectionString: url, max: 4 }));
  const stream = async (text, id) => {
    const client = await pool.connect();
    try {
      const rows = [];
      for await (const row of client.query(new QueryStream(text, [id], { batchSize: 1 }))) rows.push(row);
      return rows;
    } finally {
      client.release();
    }
  };
  return {
    ...rest,
    read: (id) => stream('SELECT n FROM items WHERE id = $1', id),
    write: (id) => stream('UPDATE items SET n = n + 1 WHERE id = $1 RETURNING n', id),
    async close() {
      await rest.close();
      await pool.end();
    },
  };
}
