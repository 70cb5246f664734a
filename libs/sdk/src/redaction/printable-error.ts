import { inspect } from 'node:util';
import { RecantError } from '../error.ts';

/** Limits of what is inspected: as much as a log would print. */
const PRINTED = { depth: 8, maxStringLength: 65_536, maxArrayLength: 100, breakLength: Number.POSITIVE_INFINITY };

/**
 * Makes an error safe to print: returns it unchanged if no rule matches in what a log would show of it, causes included; otherwise a copy with
 * masked texts, whose cause has only name, code and masked message.
 */
export function printable(error: RecantError, mask: (text: string) => string): RecantError {
  const shown = inspect(error, PRINTED);
  if (mask(shown) === shown) return error;
  const { code, message, refusal, pending, finding, cause } = error;
  return new RecantError(code, mask(message), {
    pending,
    ...(refusal === undefined ? {} : { refusal: { ...refusal, detail: mask(refusal.detail) } }),
    ...(finding === undefined ? {} : { finding }),
    ...(cause === undefined ? {} : { cause: maskedCause(cause, mask) }),
  });
}

function maskedCause(cause: unknown, mask: (text: string) => string): Error {
  if (!(cause instanceof Error)) return new Error(mask(String(cause)));
  const { name, message } = cause;
  const { code } = cause as { code?: unknown };
  const copy = Object.assign(new Error(mask(message)), { name }, typeof code === 'string' ? { code: mask(code) } : {});
  copy.stack = `${copy.name}: ${copy.message}`;
  return copy;
}
