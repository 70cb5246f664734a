import type pg from 'pg';
import type { Prisma, PrismaClient } from '../generated/client.ts';
import { createKeyFinder, type EndedCredential, type StoredCredential } from './find-keys.ts';
import { keyLockOf } from './key-lock.ts';
import { type CredentialSummary, insertKey, type MadeCredential, type NewCredential, summaryOf } from './key-rows.ts';
import { type Rotated, type Rotation, rotateKey } from './rotate-key.ts';
import type { Sealer } from './sealer.ts';

/**
 * API keys. Read-after-write for every process: `find` reads anew. Once `revoke` or `rotate` has answered, no process commits an event under the key
 * that it ended: they wait for the transactions that hold it, and those that come later see the end.
 */
export interface Credentials {
  /** Undefined where there is no such key. */
  find(keyId: string): Promise<StoredCredential | EndedCredential | undefined>;
  /** Makes the tenant where it is new. */
  create(wanted: NewCredential): Promise<MadeCredential>;
  /** Makes a successor with the same bindings and sets the end of the key that it replaces, both or neither. */
  rotate(tenant: string, keyId: string, rotation: Rotation): Promise<Rotated>;
  list(tenant: string): Promise<readonly CredentialSummary[]>;
  /** @returns whether there was such a key to revoke. */
  revoke(tenant: string, keyId: string): Promise<boolean>;
}

/** Milliseconds that an end may wait for what is appended under the key. */
const END_MS_MAX = 60_000;

export function createCredentials(pool: pg.Pool, prisma: PrismaClient, sealer: Sealer, clock: () => number): Credentials {
  /** Alone with the key: after what is being appended under it, before what comes. */
  const ending = <T>(keyId: string, work: (tx: Prisma.TransactionClient) => Promise<T>): Promise<T> =>
    prisma.$transaction(
      async (tx) => {
        const [lockClass, lock] = keyLockOf(keyId);
        await tx.$executeRaw`SELECT pg_advisory_xact_lock(${lockClass}::int, ${lock}::int)`;
        return work(tx);
      },
      { timeout: END_MS_MAX, maxWait: END_MS_MAX },
    );

  return {
    find: createKeyFinder(pool, sealer, clock),

    async create(wanted) {
      await prisma.tenant.createMany({ data: [{ id: wanted.tenant }], skipDuplicates: true });
      return insertKey(prisma, sealer, wanted, { nowMs: clock() });
    },

    rotate: (tenantId, keyId, rotation) => ending(keyId, (tx) => rotateKey(tx, sealer, { tenantId, keyId }, rotation, clock())),

    async list(tenantId) {
      const rows = await prisma.credential.findMany({
        where: { tenantId },
        orderBy: [{ createdAt: 'asc' }, { keyId: 'asc' }],
        include: { successor: true },
      });
      return rows.map((row) => summaryOf(row, clock()));
    },

    async revoke(tenantId, keyId) {
      const where = { tenantId, keyId, revokedAt: null };
      const { count } = await ending(keyId, (tx) => tx.credential.updateMany({ where, data: { revokedAt: new Date(clock()) } }));
      return count > 0;
    },
  };
}
