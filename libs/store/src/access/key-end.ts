/** Why a key may no longer be used. Told to logs and to the key's own tenant, never to whoever presents it. */
export type KeyEnd = 'revoked' | 'expired';

/** When a key ends, in milliseconds since 1970, UTC. */
export interface KeyTimes {
  readonly revokedAtMs?: number;
  /** From then on it may not be used. */
  readonly expiresAtMs?: number;
}

/** Revoked is for good, whatever any clock says. @returns undefined while it may be used */
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
