import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';

/** Prisma with its driver adapter, which is given a recorded pool. */
export async function open({ record, url }) {
  const { PrismaClient } = await import('../generated/client.ts');
  const pool = record(new pg.Pool({ connectionString: url, max: 4 }));
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  const set = (client, id) => client.items.update({ where: { id }, data: { n: { increment: 1 } } });
  return {
    read: (id) => prisma.items.findUnique({ where: { id } }),
    write: (id) => set(prisma, id),
    both: (first, second) => prisma.$transaction([set(prisma, first), set(prisma, second)]),
    undone: (id) =>
      prisma.$transaction(async (tx) => {
        await set(tx, id);
        throw new Error('undone');
      }),
    savepoint: (kept, lost) =>
      prisma.$transaction(async (tx) => {
        await tx.$executeRaw`SAVEPOINT s`;
        await set(tx, lost);
        await tx.$executeRaw`ROLLBACK TO SAVEPOINT s`;
        await set(tx, kept);
      }),
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}
