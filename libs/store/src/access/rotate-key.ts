import type { Prisma } from '../generated/client.ts';
import type { KeyEnd } from './key-end.ts';
import { insertKey, type MadeCredential, summaryOf } from './key-rows.ts';
import type { Sealer } from './sealer.ts';

export interface Rotation {
  /** Milliseconds until the old key expires; 0 revokes it. Never extends its lifetime. */
  readonly overlapMs: number;
  /** Expiry of the successor. Default: the predecessor's original lifetime from now. */
  readonly expiresAtMs?: number;
  /** Who rotates it. Empty: nobody is known, and so nobody of the successor either. */
  readonly people?: readonly string[];
}

export type Rotated =
  | { readonly kind: 'rotated'; readonly made: MadeCredential; readonly predecessorEndsAtMs: number }
  | { readonly kind: 'unknown' }
  /** The key has a successor or has ended. */
  | { readonly kind: 'inactive'; readonly why: 'rotated' | KeyEnd };

/** The caller's transaction holds the key's exclusive lock, so the row cannot change before it commits. */
export async function rotateKey(
  tx: Prisma.TransactionClient,
  sealer: Sealer,
  key: { readonly tenantId: string; readonly keyId: string },
  { overlapMs, expiresAtMs, people = [] }: Rotation,
  nowMs: number,
): Promise<Rotated> {
  const where = { tenantId_keyId: key };
  const row = await tx.credential.findUnique({ where, include: { successor: true } });
  if (row === null) return { kind: 'unknown' };
  const { state, credential, label, people: before, createdAtMs, expiresAtMs: endsAtMs } = summaryOf(row, nowMs);
  if (state !== 'active') return { kind: 'inactive', why: state };
  const expiresAt = expiresAtMs ?? (endsAtMs === undefined ? undefined : nowMs + endsAtMs - createdAtMs);
  const had = before.length === 0 || people.length === 0 ? [] : [...new Set([...before, ...people])];
  const wanted = { ...credential, label, people: had, ...(expiresAt === undefined ? {} : { expiresAtMs: expiresAt }) };
  const made = await insertKey(tx, sealer, wanted, { nowMs, predecessor: key.keyId });
  const predecessorEndsAtMs = Math.min(nowMs + overlapMs, endsAtMs ?? Number.POSITIVE_INFINITY);
  // No overlap is a revocation: it takes effect independently of other processes' clocks.
  const data = overlapMs === 0 ? { revokedAt: new Date(nowMs) } : { expiresAt: new Date(predecessorEndsAtMs) };
  await tx.credential.update({ where, data });
  return { kind: 'rotated', made, predecessorEndsAtMs };
}
