import { hash, randomBytes } from 'node:crypto';
import { API_SECRET_BYTES, formatApiKey, macSecretOf, type Role } from '@recant/events';
import type { Credential } from '@recant/ledger';
import type { Prisma } from '../generated/client.ts';
import { macPurpose } from './find-keys.ts';
import { endOf, type KeyEnd, type KeyTimes, keyTimesOf } from './key-end.ts';
import type { Sealer } from './sealer.ts';

export interface NewCredential {
  readonly tenant: string;
  readonly roles: readonly Role[];
  readonly sourcePrefix: string;
  readonly agents: readonly string[];
  readonly resources: readonly string[];
  readonly label?: string;
  /** `person:<subject>` of everybody who has the key. */
  readonly people?: readonly string[];
  /** Milliseconds since 1970, UTC. Default: it does not expire. */
  readonly expiresAtMs?: number;
}

export interface MadeCredential {
  /** The API key; not stored anywhere. */
  readonly apiKey: string;
  readonly credential: Credential;
  readonly people: readonly string[];
  readonly expiresAtMs?: number;
}

/** A key without secrets, for lists. */
export interface CredentialSummary extends KeyTimes {
  readonly credential: Credential;
  readonly label: string;
  readonly people: readonly string[];
  /** Milliseconds since 1970, UTC. */
  readonly createdAtMs: number;
  /** Id of the key that this one replaces. */
  readonly predecessor?: string;
  /** Id of the key that replaces this one. */
  readonly successor?: string;
  /** `rotated`: has a successor, and works until it expires. */
  readonly state: 'active' | 'rotated' | KeyEnd;
}

/** Random bytes of a key id: 80 bits. */
const KEY_ID_BYTES = 10;

export async function insertKey(
  tx: Prisma.TransactionClient,
  sealer: Sealer,
  wanted: NewCredential,
  made: { readonly nowMs: number; readonly predecessor?: string },
): Promise<MadeCredential> {
  const { tenant, roles, sourcePrefix, agents, resources, label = '', people = [], expiresAtMs } = wanted;
  const keyId = randomBytes(KEY_ID_BYTES).toString('hex');
  const secret = randomBytes(API_SECRET_BYTES);
  const bindings = { roles: [...roles], sourcePrefix, agents: [...agents], resources: [...resources] };
  await tx.credential.create({
    data: {
      tenantId: tenant,
      keyId,
      secretHash: new Uint8Array(hash('sha256', secret, 'buffer')),
      macSealed: new Uint8Array(sealer.seal(macSecretOf(secret), macPurpose(tenant, keyId))),
      ...bindings,
      label,
      people: [...people],
      createdAt: new Date(made.nowMs),
      expiresAt: expiresAtMs === undefined ? null : new Date(expiresAtMs),
      predecessor: made.predecessor ?? null,
    },
  });
  const credential = { tenant, keyId, ...bindings };
  return { apiKey: formatApiKey({ keyId, secret }), credential, people, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
}

export type KeyRow = Prisma.CredentialGetPayload<{ include: { successor: true } }>;

export function summaryOf(row: KeyRow, nowMs: number): CredentialSummary {
  const { tenantId, keyId, roles, sourcePrefix, agents, resources, label, people, createdAt, predecessor, successor } = row;
  const times = keyTimesOf(row.revokedAt, row.expiresAt);
  return {
    credential: { tenant: tenantId, keyId, roles: roles as Role[], sourcePrefix, agents, resources },
    label,
    people,
    createdAtMs: createdAt.getTime(),
    ...times,
    ...(predecessor === null ? {} : { predecessor }),
    ...(successor === null ? {} : { successor: successor.keyId }),
    state: endOf(times, nowMs) ?? (successor === null ? 'active' : 'rotated'),
  };
}
