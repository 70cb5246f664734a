import type pg from 'pg';
import type { Prisma, PrismaClient } from '../generated/client.ts';
import { createKeyFinder, type EndedCredential, type StoredCredential } from './find-keys.ts';
import { keyLockOf } from './key-lock.ts';
import { type CredentialSummary, insertKey, type MadeCredential, type NewCredential, summaryOf } from './key-rows.ts';
import { type Rotated, type Rotation, rotateKey } from './rotate-key.ts';
import type { Sealer } from './sealer.ts';

/**
 * API keys. Read-after-write in every process: `find` always reads. After `revoke` or `rotate` has resolved, no process commits an event under the ended key:
 * both wait for transactions that use the key, and later ones see the end.
 */
export interface Credentials {
  /** Undefined if there is no such key. */
  find(keyId: string): Promise<StoredCredential | EndedCredential | undefined>;
  /** Creates the tenant if it does not exist. */
  create(wanted: NewCredential): Promise<MadeCredential>;
  /** Atomically creates a successor with the same bindings and sets the end of the replaced key. */
  rotate(tenant: string, keyId: string, rotation: Rotation): Promise<Rotated>;
  /** Everybody who has had the key, as `person:<subject>`; empty if nobody is known. */
  peopleOf(tenant: string, keyId: string): Promise<readonly string[]>;
  /** The label of a key; undefined without one, and for an id that is no key's. */
  labelOf(tenant: string, keyId: string): Promise<string | undefined>;
  list(tenant: string): Promise<readonly CredentialSummary[]>;
  /** @returns false if there is no such key, or it was revoked before */
  revoke(tenant: string, keyId: string): Promise<boolean>;
}

/** Milliseconds to wait for appends under the key before ending it. */
const END_MS_MAX = 20_000;

export function createCredentials(pool: pg.Pool, prisma: PrismaClient, sealer: Sealer, clock: () => number): Credentials {
  /** Runs `work` under the key's exclusive lock: after running appends under the key, before later ones. */
  const underKeyLock = <T>(keyId: string, work: (tx: Prisma.TransactionClient) => Promise<T>): Promise<T> =>
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

    rotate: (tenantId, keyId, rotation) => underKeyLock(keyId, (tx) => rotateKey(tx, sealer, { tenantId, keyId }, rotation, clock())),

    async peopleOf(tenantId, keyId) {
      const row = await prisma.credential.findUnique({ where: { tenantId_keyId: { tenantId, keyId } }, select: { people: true } });
      return row?.people ?? [];
    },

    async labelOf(tenantId, keyId) {
      const row = await prisma.credential.findUnique({ where: { tenantId_keyId: { tenantId, keyId } }, select: { label: true } });
      return row?.label || undefined;
    },

    async list(tenantId) {
      const rows = await prisma.credential.findMany({
        where: { tenantId },
        orderBy: [{ createdAt: 'desc' }, { keyId: 'asc' }],
        include: { successor: true },
      });
      return rows.map((row) => summaryOf(row, clock()));
    },

    async revoke(tenantId, keyId) {
      const where = { tenantId, keyId, revokedAt: null };
      const { count } = await underKeyLock(keyId, (tx) => tx.credential.updateMany({ where, data: { revokedAt: new Date(clock()) } }));
      return count > 0;
    },
  };
}
