import knex from 'knex';

/** Knex makes its connections itself: a client class records each. */
export async function open({ record, url }) {
  const { default: Postgres } = await import('knex/lib/dialects/postgres/index.js');
  class Recorded extends Postgres {
    async acquireRawConnection() {
      return record(await super.acquireRawConnection());
    }
  }
  const db = knex({ client: Recorded, connection: url, pool: { min: 0, max: 4 } });
  const set = (client, id) => client('items').where({ id }).increment('n', 1);
  return {
    read: (id) => db('items').where({ id }),
    write: (id) => set(db, id),
    both: (first, second) =>
      db.transaction(async (trx) => {
        await set(trx, first);
        await set(trx, second);
      }),
    undone: (id) =>
      db.transaction(async (trx) => {
        await set(trx, id);
        throw new Error('undone');
      }),
    savepoint: (kept, lost) =>
      db.transaction(async (trx) => {
        await trx
          .transaction(async (nested) => {
            await set(nested, lost);
            throw new Error('lost');
          })
          .catch(() => {});
        await set(trx, kept);
      }),
    close: () => db.destroy(),
  };
}
