/** Bytes of request bodies that one process holds at once. Requests over it are refused before their body is read. */
export const INFLIGHT_BYTES_MAX = 67_108_864;
/** Part of `INFLIGHT_BYTES_MAX` reserved for operators' requests: agents cannot lock out the person who wants to stop them. */
export const INFLIGHT_BYTES_RESERVED = 8_388_608;

export interface Requester {
  /** Undefined for an unauthenticated caller. */
  readonly tenant: string | undefined;
  /** May use the reserved bytes and everything else that is free. */
  readonly operator: boolean;
}

export interface ByteBudget {
  /** Reserves `bytes`; undefined if they exceed the requester's share. Calling the result releases them; later calls do nothing. */
  reserve(bytes: number, requester: Requester): (() => void) | undefined;
  /** Bytes reserved now. */
  readonly bytes: number;
}

/**
 * A tenant may use no more than is still free: one tenant at most half, n tenants 1/(n + 1) each, so that there is always room for
 * another one.
 */
export function createByteBudget(bytesMax = INFLIGHT_BYTES_MAX, reservedBytes = INFLIGHT_BYTES_RESERVED): ByteBudget {
  const bytesByTenant = new Map<string, number>();
  let reserved = 0;
  const count = (tenant: string, bytes: number): void => {
    const sum = (bytesByTenant.get(tenant) ?? 0) + bytes;
    if (sum === 0) bytesByTenant.delete(tenant);
    else bytesByTenant.set(tenant, sum);
    reserved += bytes;
  };
  return {
    reserve(bytes, { tenant = '', operator }) {
      const free = bytesMax - reserved - bytes;
      const ofTenant = (bytesByTenant.get(tenant) ?? 0) + bytes;
      if (operator ? free < 0 : ofTenant > free - reservedBytes) return undefined;
      count(tenant, bytes);
      let isHeld = true;
      return () => {
        if (isHeld) count(tenant, -bytes);
        isHeld = false;
      };
    },
    get bytes() {
      return reserved;
    },
  };
}
