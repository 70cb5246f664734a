/** Bytes of request bodies held at once by one process; over it requests are refused before anything is read. */
export const INFLIGHT_BYTES_MAX = 67_108_864;
/** Of which this much is kept for operators' requests: agents cannot lock out the person who wants to stop them. */
export const INFLIGHT_BYTES_RESERVED = 8_388_608;

/** For whom there shall be room. */
export interface Entrant {
  /** Undefined where nobody said who it is. */
  readonly tenant: string | undefined;
  /** May use the reserved room, and all that is left. */
  readonly operator: boolean;
}

export interface Gate {
  /** Takes `bytes`, or answers undefined where there is no room. The result gives them back, once. */
  enter(bytes: number, entrant: Entrant): (() => void) | undefined;
  readonly bytes: number;
}

/** A tenant holds at most as much as it leaves free: one of them at most half, n of them 1/(n + 1) each, and there is always room for the next. */
export function createGate(bytesMax = INFLIGHT_BYTES_MAX, reservedBytes = INFLIGHT_BYTES_RESERVED): Gate {
  const byTenant = new Map<string, number>();
  let held = 0;
  const hold = (tenant: string, bytes: number): void => {
    const now = (byTenant.get(tenant) ?? 0) + bytes;
    if (now === 0) byTenant.delete(tenant);
    else byTenant.set(tenant, now);
    held += bytes;
  };
  return {
    enter(bytes, { tenant = '', operator }) {
      const free = bytesMax - held - bytes;
      const theirs = (byTenant.get(tenant) ?? 0) + bytes;
      if (operator ? free < 0 : theirs > free - reservedBytes) return undefined;
      hold(tenant, bytes);
      let inside = true;
      return () => {
        if (inside) hold(tenant, -bytes);
        inside = false;
      };
    },
    get bytes() {
      return held;
    },
  };
}
