import { ApiFault } from '@recant/api';
import { StoreError } from '@recant/store';

/** SQLSTATE and socket codes that say: the store is away, or cannot do more at the moment. */
const AWAY = /^(08|53|57|58|XX)|^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOENT|P1001|P1002|P1008|P1017|P2024)$/;
/** SQLSTATE disk_full. */
const DISK_FULL = '53100';

/** What an error of the store means to a caller; undefined for what is a defect of ours. */
export function translateStoreError(error: unknown): ApiFault | undefined {
  const codes = codesOf(error);
  if (codes.includes(DISK_FULL))
    return new ApiFault('store_full', 'PostgreSQL has no space left.', { cause: error, retryAfterSeconds: 10 });
  if (error instanceof StoreError && error.code === 'cursor_invalid')
    return new ApiFault('cursor_invalid', error.message, { cause: error });
  if (error instanceof StoreError && error.retry)
    return new ApiFault('store_unavailable', 'PostgreSQL does not take it now.', { cause: error });
  if (codes.some((code) => AWAY.test(code))) return new ApiFault('store_unavailable', 'PostgreSQL does not answer.', { cause: error });
  return undefined;
}

/** Codes of an error and of what caused it. */
function codesOf(error: unknown): readonly string[] {
  const codes: string[] = [];
  let each: unknown = error;
  for (let depth = 0; depth < 8 && typeof each === 'object' && each !== null; depth++) {
    const { code, cause, originalCode } = each as { code?: unknown; cause?: unknown; originalCode?: unknown };
    for (const found of [code, originalCode]) if (typeof found === 'string') codes.push(found);
    each = cause;
  }
  return codes;
}
