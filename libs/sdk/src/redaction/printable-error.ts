import { inspect } from 'node:util';
import { RecantError } from '../error.ts';

/** Levels of causes and members that a log would print. */
const PRINTED = { depth: 8, maxStringLength: 65_536, maxArrayLength: 100, breakLength: Number.POSITIVE_INFINITY };

/**
 * An error as it may be printed: itself where no rule finds anything in what a log would show of it, causes included; else a copy with its
 * texts masked, whose cause keeps name, code and masked message.
 */
export function printable(error: RecantError, mask: (text: string) => string): RecantError {
  const shown = inspect(error, PRINTED);
  if (mask(shown) === shown) return error;
  const { code, message, refusal, pending, finding, cause } = error;
  return new RecantError(code, mask(message), {
    pending,
    ...(refusal === undefined ? {} : { refusal: { ...refusal, detail: mask(refusal.detail) } }),
    ...(finding === undefined ? {} : { finding }),
    ...(cause === undefined ? {} : { cause: bare(cause, mask) }),
  });
}

function bare(cause: unknown, mask: (text: string) => string): Error {
  if (!(cause instanceof Error)) return new Error(mask(String(cause)));
  const { name, message } = cause;
  const { code } = cause as { code?: unknown };
  const copy = Object.assign(new Error(mask(message)), { name }, typeof code === 'string' ? { code: mask(code) } : {});
  copy.stack = `${copy.name}: ${copy.message}`;
  return copy;
}
