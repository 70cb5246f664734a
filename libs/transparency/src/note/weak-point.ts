import { decodeUint } from '../bytes.ts';

/** The field of Curve25519 (RFC 8032 section 5.1). */
const P = 2n ** 255n - 19n;
/** The y coordinate of points of order 8. */
const ORDER_EIGHT = 0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const SMALL_ORDER = new Set([0n, 1n, P - 1n, ORDER_EIGHT, P - ORDER_EIGHT]);

/**
 * Whether a point has small order or a non-canonical encoding. Anyone can sign for such a public key, and no honest signer produces such an R.
 * Implementations differ in whether they accept such points (C2SP/CCTV ed25519); this library refuses all of them.
 */
export function isWeakPoint(encoded: Uint8Array): boolean {
  const y = decodeUint(encoded.toReversed()) & (2n ** 255n - 1n);
  return y >= P || SMALL_ORDER.has(y);
}
