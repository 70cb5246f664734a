import type { Prisma } from '../generated/client.ts';
import type { KeyEnd } from './key-end.ts';
import { insertKey, type MadeCredential, summaryOf } from './key-rows.ts';
import type { Sealer } from './sealer.ts';

export interface Rotation {
  /** How long the old key still works, in milliseconds; 0 revokes it. It never ends later than it would have. */
  readonly overlapMs: number;
  /** When the successor expires. Default: it lives as long as its predecessor was made to. */
  readonly expiresAtMs?: number;
}

export type Rotated =
  | { readonly kind: 'rotated'; readonly made: MadeCredential; readonly predecessorEndsAtMs: number }
  | { readonly kind: 'unknown' }
  /** It has a successor already, or has ended. */
  | { readonly kind: 'over'; readonly why: 'rotated' | KeyEnd };

/** Within a transaction that holds the key's lock alone: what is read here is still so when it commits. */
export async function rotateKey(
  tx: Prisma.TransactionClient,
  sealer: Sealer,
  key: { readonly tenantId: string; readonly keyId: string },
  { overlapMs, expiresAtMs }: Rotation,
  nowMs: number,
): Promise<Rotated> {
  const where = { tenantId_keyId: key };
  const row = await tx.credential.findUnique({ where, include: { successor: true } });
  if (row === null) return { kind: 'unknown' };
  const { state, credential, label, createdAtMs, expiresAtMs: endsAtMs } = summaryOf(row, nowMs);
  if (state !== 'active') return { kind: 'over', why: state };
  const expiresAt = expiresAtMs ?? (endsAtMs === undefined ? undefined : nowMs + endsAtMs - createdAtMs);
  const wanted = { ...credential, label, ...(expiresAt === undefined ? {} : { expiresAtMs: expiresAt }) };
  const made = await insertKey(tx, sealer, wanted, { nowMs, predecessor: key.keyId });
  const predecessorEndsAtMs = Math.min(nowMs + overlapMs, endsAtMs ?? Number.POSITIVE_INFINITY);
  // At once is a revocation: it holds whatever the clocks of other processes say.
  const data = overlapMs === 0 ? { revokedAt: new Date(nowMs) } : { expiresAt: new Date(predecessorEndsAtMs) };
  await tx.credential.update({ where, data });
  return { kind: 'rotated', made, predecessorEndsAtMs };
}
