import pg from 'pg';

/** The driver itself. */
export const open = async ({ record, url }) => openWith(pg, record, url);

export function openWith({ Pool }, record, url) {
  const pool = record(new Pool({ connectionString: url, max: 4 }));
  const set = (client, id) => client.query('UPDATE items SET n = n + 1 WHERE id = $1', [id]);
  const transaction = async (work) => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await work(client);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  };
  return {
    read: (id) => pool.query('SELECT n FROM items WHERE id = $1', [id]),
    write: (id) => set(pool, id),
    both: (first, second) =>
      transaction(async (client) => {
        await set(client, first);
        await set(client, second);
      }),
    undone: (id) =>
      transaction(async (client) => {
        await set(client, id);
        throw new Error('undone');
      }),
    savepoint: (kept, lost) =>
      transaction(async (client) => {
        await client.query('SAVEPOINT s');
        await set(client, lost);
        await client.query('ROLLBACK TO s');
        await set(client, kept);
      }),
    close: () => pool.end(),
  };
}
