/** Bytes of request bodies held at once by one process; over it requests are refused before anything is read. */
export const INFLIGHT_BYTES_MAX = 67_108_864;
/** Of which this much is kept for operators' requests: agents cannot lock out the person who wants to stop them. */
export const INFLIGHT_BYTES_RESERVED = 8_388_608;

export interface Gate {
  /** Takes `bytes`, or answers undefined where there is no room. The result gives them back, once. */
  enter(bytes: number, operator: boolean): (() => void) | undefined;
  readonly bytes: number;
}

export function createGate(bytesMax = INFLIGHT_BYTES_MAX, reservedBytes = INFLIGHT_BYTES_RESERVED): Gate {
  let held = 0;
  return {
    enter(bytes, operator) {
      if (held + bytes > bytesMax - (operator ? 0 : reservedBytes)) return undefined;
      held += bytes;
      let inside = true;
      return () => {
        if (inside) held -= bytes;
        inside = false;
      };
    },
    get bytes() {
      return held;
    },
  };
}
