import { hash, randomBytes } from 'node:crypto';
import { API_SECRET_BYTES, formatApiKey, macSecretOf } from '@recant/events';
import type { Credential, Role } from '@recant/ledger';
import type { PrismaClient } from '../generated/client.ts';
import type { Sealer } from './sealer.ts';

/** A registered key as the services check it. */
export interface StoredCredential {
  readonly credential: Credential;
  /** SHA-256 of the 32 bytes of the API secret; compare with `timingSafeEqual`. */
  readonly secretHash: Uint8Array;
  /** Secret of the Kafka header `recant-mac`. */
  readonly macSecret: Uint8Array;
}

export interface NewCredential {
  readonly tenant: string;
  readonly roles: readonly Role[];
  readonly sourcePrefix: string;
  readonly agents: readonly string[];
  readonly resources: readonly string[];
  readonly label?: string;
}

/** A key as it may be listed: no secrets. */
export interface CredentialSummary {
  readonly credential: Credential;
  readonly label: string;
  /** Milliseconds since 1970, UTC. */
  readonly createdAtMs: number;
  readonly revokedAtMs?: number;
}

/** API keys. Read-after-write for the process that wrote; other processes see a new or revoked key within MEMORY_MS. */
export interface Credentials {
  /** Undefined where there is no such key, or it was revoked. */
  find(keyId: string): Promise<StoredCredential | undefined>;
  /** Makes the tenant where it is new. The API key is given once and kept nowhere. */
  create(wanted: NewCredential): Promise<{ readonly apiKey: string; readonly credential: Credential }>;
  list(tenant: string): Promise<readonly CredentialSummary[]>;
  /** @returns whether there was such a key to revoke. */
  revoke(tenant: string, keyId: string): Promise<boolean>;
}

/** How long a revoked key may still be believed by another process. */
const MEMORY_MS = 5_000;
const MEMORY_MAX = 10_000;
/** Hexadecimal characters of a key id: 80 random bits. */
const KEY_ID_BYTES = 10;

export function createCredentials(prisma: PrismaClient, sealer: Sealer, clock: () => number): Credentials {
  const memory = new Map<string, { readonly untilMs: number; readonly found: Promise<StoredCredential | undefined> }>();

  async function read(keyId: string): Promise<StoredCredential | undefined> {
    const row = await prisma.credential.findFirst({ where: { keyId, revokedAt: null } });
    if (row === null) return undefined;
    const macSecret = sealer.open(row.macSealed, macPurpose(row.tenantId, keyId));
    return { credential: toCredential(row), secretHash: row.secretHash, macSecret };
  }

  return {
    find(keyId) {
      const known = memory.get(keyId);
      if (known !== undefined && known.untilMs > clock()) return known.found;
      if (memory.size >= MEMORY_MAX) memory.clear();
      const found = read(keyId);
      memory.set(keyId, { untilMs: clock() + MEMORY_MS, found });
      found.catch(() => memory.delete(keyId));
      return found;
    },

    async create({ tenant, roles, sourcePrefix, agents, resources, label = '' }) {
      const keyId = randomBytes(KEY_ID_BYTES).toString('hex');
      const secret = randomBytes(API_SECRET_BYTES);
      await prisma.tenant.createMany({ data: [{ id: tenant }], skipDuplicates: true });
      const row = await prisma.credential.create({
        data: {
          tenantId: tenant,
          keyId,
          secretHash: new Uint8Array(hash('sha256', secret, 'buffer')),
          macSealed: new Uint8Array(sealer.seal(macSecretOf(secret), macPurpose(tenant, keyId))),
          roles: [...roles],
          sourcePrefix,
          agents: [...agents],
          resources: [...resources],
          label,
        },
      });
      memory.delete(keyId);
      return { apiKey: formatApiKey({ keyId, secret }), credential: toCredential(row) };
    },

    async list(tenant) {
      const rows = await prisma.credential.findMany({ where: { tenantId: tenant }, orderBy: [{ createdAt: 'asc' }, { keyId: 'asc' }] });
      return rows.map((row) => ({
        credential: toCredential(row),
        label: row.label,
        createdAtMs: row.createdAt.getTime(),
        ...(row.revokedAt === null ? {} : { revokedAtMs: row.revokedAt.getTime() }),
      }));
    },

    async revoke(tenant, keyId) {
      const { count } = await prisma.credential.updateMany({
        where: { tenantId: tenant, keyId, revokedAt: null },
        data: { revokedAt: new Date(clock()) },
      });
      memory.delete(keyId);
      return count > 0;
    },
  };
}

function macPurpose(tenant: string, keyId: string): string {
  return `credential.mac ${tenant} ${keyId}`;
}

interface CredentialRow {
  readonly tenantId: string;
  readonly keyId: string;
  readonly roles: string[];
  readonly sourcePrefix: string;
  readonly agents: string[];
  readonly resources: string[];
}

function toCredential({ tenantId, keyId, roles, sourcePrefix, agents, resources }: CredentialRow): Credential {
  return { tenant: tenantId, keyId, roles: roles as Role[], sourcePrefix, agents, resources };
}
