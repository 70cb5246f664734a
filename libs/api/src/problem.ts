import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from './error-codes.ts';
import type { ErrorDescription } from './error-description.ts';
import { index, shard } from './field.ts';

/** RFC 9457 problem document with a stable code and advice. */
export const Problem = z
  .object({
    type: z.string().meta({ description: '`urn:recant:problem:<code>`', example: 'urn:recant:problem:window_empty' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    code: z.string().meta({ description: 'Stable error code: the only field for programs to decide by.' }),
    detail: z.string().meta({ description: 'What is wrong with this request.' }),
    action: z.string().meta({ description: 'What to do about the error.' }),
    retry: z
      .enum(['never', 'safe', 'after'])
      .meta({ description: 'never: a retry will fail again. safe: retry at once. after: retry after Retry-After.' }),
    shard: shard.optional(),
    index: index.optional().meta({
      description:
        'Index of the entry that records the refused message’s digest in the log of this shard; the message is a dead letter. For `fenced`: index of the intent itself.',
    }),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export function describeError(code: ErrorCode): ErrorDescription {
  return ERROR_CODES[code];
}

/** `action` replaces the registry's advice where the caller has more specific advice. */
export function problemOf(code: ErrorCode, detail: string, action?: string): Problem {
  const known = describeError(code);
  return {
    type: `urn:recant:problem:${code}`,
    title: known.title,
    status: known.status,
    code,
    detail,
    action: action ?? known.action,
    retry: known.retry,
  };
}

export interface FaultOptions {
  readonly action?: string;
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
  /** Entry of the refusal, if it was recorded. */
  readonly entry?: { readonly shard: number; readonly index: number };
}

/** Thrown by a handler to respond with a problem document. `retryAfterSeconds` becomes the Retry-After header. */
export class ApiFault extends Error {
  readonly code: ErrorCode;
  readonly action: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly entry: FaultOptions['entry'];

  constructor(code: ErrorCode, detail: string, options: FaultOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ApiFault';
    this.code = code;
    this.action = options.action;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.entry = options.entry;
  }

  problem(): Problem {
    return { ...problemOf(this.code, this.message, this.action), ...this.entry };
  }
}
