import { ApiFault } from '@recant/api';
import { KeyRefusal } from './authenticate.ts';

/** SQLSTATE classes, socket codes, Prisma codes and the store's own codes for an unreachable or overloaded store. */
const UNAVAILABLE =
  /^(08|53|57014|57P|58)|^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|P1001|P1002|P1008|P1017|P2024|P2028|store_unavailable|unreachable)$/;
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
  if (codes[0] === 'cursor_invalid' && error instanceof Error) return new ApiFault('cursor_invalid', error.message, { cause: error });
  if (codes.some((code) => UNAVAILABLE.test(code)))
    return new ApiFault('store_unavailable', 'PostgreSQL is unreachable or overloaded.', { cause: error });
  return undefined;
}

/** Codes of an error and its causes, outermost first. */
function codesOf(error: unknown): readonly string[] {
  const codes: string[] = [];
  let each: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && typeof each === 'object' && each !== null; depth++) {
    const { code, originalCode, cause } = each as { code?: unknown; originalCode?: unknown; cause?: unknown };
    for (const found of [code, originalCode]) if (typeof found === 'string') codes.push(found);
    each = cause;
  }
  return codes;
}
