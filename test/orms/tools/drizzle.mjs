import { eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import pg from 'pg';

const items = pgTable('items', { id: integer('id').primaryKey(), n: integer('n').notNull() });

export async function open({ record, url }) {
  const pool = record(new pg.Pool({ connectionString: url, max: 4 }));
  const db = drizzle(pool);
  const set = (client, id) =>
    client
      .update(items)
      .set({ n: sql`${items.n} + 1` })
      .where(eq(items.id, id));
  return {
    read: (id) => db.select().from(items).where(eq(items.id, id)),
    write: (id) => set(db, id),
    both: (first, second) =>
      db.transaction(async (tx) => {
        await set(tx, first);
        await set(tx, second);
      }),
    undone: (id) =>
      db.transaction(async (tx) => {
        await set(tx, id);
        throw new Error('undone');
      }),
    savepoint: (kept, lost) =>
      db.transaction(async (tx) => {
        await tx
          .transaction(async (nested) => {
            await set(nested, lost);
            throw new Error('lost');
          })
          .catch(() => {});
        await set(tx, kept);
      }),
    close: () => pool.end(),
  };
}
