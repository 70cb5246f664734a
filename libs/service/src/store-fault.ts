import { ApiFault } from '@recant/api';
import { KeyRefusal } from './authenticate.ts';

/** SQLSTATE classes, socket codes, Prisma codes and the store's own: it is away, or cannot do more at the moment. */
const AWAY =
  /^(08|53|57014|57P|58)|^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|P1001|P1002|P1008|P1017|P2024|P2028|store_unavailable|unreachable)$/;
/** SQLSTATE disk_full. */
const DISK_FULL = '53100';
/** Causes followed, should they go in circles. */
const CAUSES_MAX = 8;

/** What an error of the store means to a caller; undefined for what is a defect of ours. Decided by codes, whichever library they come through. */
export function faultOfStore(error: unknown): ApiFault | undefined {
  const codes = codesOf(error);
  if (codes.includes(DISK_FULL))
    return new ApiFault('store_full', 'PostgreSQL has no space left.', { cause: error, retryAfterSeconds: 10 });
  if (codes[0] === 'ledger_tampered' && error instanceof Error) {
    const { action } = error as { action?: string };
    return new ApiFault('ledger_tampered', error.message, {
      cause: error,
      retryAfterSeconds: 10,
      ...(action === undefined ? {} : { action }),
    });
  }
  if (codes[0] === 'key_ended' && error instanceof Error) return new KeyRefusal(error.message);
  if (codes[0] === 'cursor_invalid' && error instanceof Error) return new ApiFault('cursor_invalid', error.message, { cause: error });
  if (codes.some((code) => AWAY.test(code))) return new ApiFault('store_unavailable', 'PostgreSQL does not take it now.', { cause: error });
  return undefined;
}

/** Codes of an error and of what caused it, outermost first. */
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
