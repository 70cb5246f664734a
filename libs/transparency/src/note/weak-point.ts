import { decodeUint } from '../bytes.ts';

/** The field of Curve25519 (RFC 8032 section 5.1). */
const P = 2n ** 255n - 19n;
/** The y of the points of order 8. */
const ORDER_EIGHT = 0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const SMALL_ORDER = new Set([0n, 1n, P - 1n, ORDER_EIGHT, P - ORDER_EIGHT]);

/**
 * A point of small order, or not in its canonical encoding. As a public key anybody can sign for it; as the R of a signature no honest
 * signer makes it. Implementations and their versions differ in whether they take such points (C2SP/CCTV ed25519): here none is taken.
 */
export function isWeakPoint(encoded: Uint8Array): boolean {
  const y = decodeUint(encoded.toReversed()) & (2n ** 255n - 1n);
  return y >= P || SMALL_ORDER.has(y);
}
