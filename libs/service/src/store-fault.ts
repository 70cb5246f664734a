import { ApiFault } from '@recant/api';
import { KeyRefusal } from './authenticate.ts';

/**
 * SQLSTATE of a store that is away, overloaded, stopping, in conflict or read-only after a failover: the same request may succeed later. 25P02 follows an
 * error that the caller did not see.
 */
const OF_POSTGRES = /^(08|28|3D|53|57|58)...$|^(25006|25P0[234]|40001|40P01|55006|55P03)$/;
/** Of the network and of a missing socket file. */
const OF_SOCKETS =
  /^(EADDRNOTAVAIL|EAI_AGAIN|ECONNABORTED|ECONNREFUSED|ECONNRESET|EHOSTDOWN|EHOSTUNREACH|ENETDOWN|ENETUNREACH|ENOBUFS|ENOTCONN|ENOTFOUND|EPIPE|ETIMEDOUT)$/;
/** Prisma's codes for the same: not reachable or refused, too many connections, a conflict, a transaction that ended. */
const OF_PRISMA = /^(P10(00|01|02|03|08|10|11|17|18)|P20(24|28|34|37))$/;
const OF_STORE = /^(store_unavailable|unreachable|access_refused)$/;
const UNAVAILABLE = [OF_POSTGRES, OF_SOCKETS, OF_PRISMA, OF_STORE];
/** SQLSTATE disk_full. */
const DISK_FULL = '53100';
/** Causes followed, in case of a cycle. */
const CAUSES_MAX = 8;

/** The API error for a store error, decided by codes only, from whichever library; undefined for a defect. */
export function faultOfStore(error: unknown): ApiFault | undefined {
  const codes = codesOf(error);
  if (codes.includes(DISK_FULL))
    return new ApiFault('store_full', 'The disk of PostgreSQL is full.', { cause: error, retryAfterSeconds: 10 });
  if (codes[0] === 'ledger_tampered' && error instanceof Error) {
    const { action } = error as { action?: string };
    return new ApiFault('ledger_tampered', error.message, {
      cause: error,
      retryAfterSeconds: 10,
      ...(action === undefined ? {} : { action }),
    });
  }
  if (codes[0] === 'key_inactive' && error instanceof Error) return new KeyRefusal(error.message);
  if (codes[0] === 'projection_behind' && error instanceof Error)
    return new ApiFault('projection_behind', error.message, { cause: error, retryAfterSeconds: 2 });
  if (codes[0] === 'cursor_invalid' && error instanceof Error) return new ApiFault('cursor_invalid', error.message, { cause: error });
  if (codes.some((code) => UNAVAILABLE.some((kind) => kind.test(code))))
    return new ApiFault('store_unavailable', 'PostgreSQL is unreachable or overloaded.', { cause: error });
  return undefined;
}

/** Codes of an error and its causes, outermost first. Prisma keeps PostgreSQL's code of a raw statement in `meta`. */
function codesOf(error: unknown): readonly string[] {
  const codes: string[] = [];
  let each: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && typeof each === 'object' && each !== null; depth++) {
    const { code, errorCode, originalCode, cause, meta } = each as Readonly<Record<string, unknown>>;
    for (const found of [code, errorCode, originalCode]) if (typeof found === 'string') codes.push(found);
    each = cause ?? (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError;
  }
  return codes;
}
