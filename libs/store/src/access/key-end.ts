/** Why a key ended. Shown in logs and to the key's own tenant, never to a client presenting the key. */
export type KeyEnd = 'revoked' | 'expired';

/** When a key ends, in milliseconds since 1970, UTC. */
export interface KeyTimes {
  readonly revokedAtMs?: number;
  /** The key is invalid from this time on. */
  readonly expiresAtMs?: number;
}

/** A revocation does not depend on clocks. @returns undefined for an active key */
export function endOf({ revokedAtMs, expiresAtMs }: KeyTimes, atMs: number): KeyEnd | undefined {
  if (revokedAtMs !== undefined) return 'revoked';
  return expiresAtMs !== undefined && expiresAtMs <= atMs ? 'expired' : undefined;
}

export function keyTimesOf(revokedAt: Date | null, expiresAt: Date | null): KeyTimes {
  return {
    ...(revokedAt === null ? {} : { revokedAtMs: revokedAt.getTime() }),
    ...(expiresAt === null ? {} : { expiresAtMs: expiresAt.getTime() }),
  };
}
