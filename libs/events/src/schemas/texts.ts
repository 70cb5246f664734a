import { z } from 'zod';
import { fitsInline } from '../guard/inline.ts';
import {
  isDigest,
  isImageReference,
  isLabelValue,
  isMessage,
  isName,
  isOrdinal,
  isReason,
  isRecordId,
  isSalt,
  isTime,
  isTraceparent,
  isTracestate,
  isTransaction,
  isVersion,
} from '../guard/texts.ts';
import type { JsonObject } from '../json.ts';
import {
  COUNT_MAX,
  DURATION_MS_MAX,
  ERROR_MESSAGE_BYTES_MAX,
  INLINE_BYTES_MAX,
  NAME_BYTES_MAX,
  ORDINAL_DIGITS_MAX,
  REASON_BYTES_MAX,
  RESOURCE_BYTES_MAX,
  SEQUENCE_DIGITS,
  VERSION_BYTES_MAX,
} from '../limits.ts';
import { isConnectorName, isResource, isSystemName } from '../resource.ts';
import { isSequence } from '../sequence.ts';
import { isUuidV7 } from '../uuid.ts';

/**
 * Patterns and lengths express as much as JSON Schema can; the predicate, shared with the guards, decides. JSON Schema counts characters, which
 * bounds the bytes that the predicate allows from above.
 */
export const name = z
  .string()
  .min(1)
  .max(NAME_BYTES_MAX)
  .refine(isName, `a name of 1 to ${NAME_BYTES_MAX} UTF-8 bytes without control characters`);
export const labelValue = z
  .string()
  .max(NAME_BYTES_MAX)
  .refine(isLabelValue, `at most ${NAME_BYTES_MAX} UTF-8 bytes without control characters`);
export const message = z.string().max(ERROR_MESSAGE_BYTES_MAX).refine(isMessage, `at most ${ERROR_MESSAGE_BYTES_MAX} UTF-8 bytes`);
export const reason = z
  .string()
  .min(1)
  .max(REASON_BYTES_MAX)
  .refine(isReason, `1 to ${REASON_BYTES_MAX} UTF-8 bytes without control characters`);
export const imageReference = z.string().min(1).max(RESOURCE_BYTES_MAX).refine(isImageReference, 'an image reference');
export const resource = z
  .string()
  .max(RESOURCE_BYTES_MAX)
  .regex(/^[a-z][a-z0-9-]{0,31}:\/\/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\//)
  .refine(isResource, '<connector>://<system>/<percent-encoded path>');
export const connector = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/)
  .refine(isConnectorName);
export const system = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
  .refine(isSystemName);
export const transaction = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,9})\/(?:0|[1-9][0-9]{0,19})$/)
  .refine(isTransaction);
export const version = z
  .string()
  .min(1)
  .max(VERSION_BYTES_MAX)
  .regex(/^[\x21-\x7e]+$/)
  .refine(isVersion)
  .nullable();
export const ordinal = z
  .string()
  .min(1)
  .max(ORDINAL_DIGITS_MAX)
  .regex(/^(?:0|[1-9][0-9]*)$/)
  .refine(isOrdinal);
export const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .refine(isDigest);
export const salt = z
  .string()
  .regex(/^[A-Za-z0-9_-]{21}[AQgw]$/)
  .refine(isSalt);
export const recordId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/)
  .refine(isRecordId);
export const action = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  .refine(isUuidV7, 'a lower-case UUIDv7');
export const time = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)
  .refine(isTime, 'a valid UTC time with milliseconds');
export const sequence = z
  .string()
  .length(SEQUENCE_DIGITS)
  .regex(/^[0-9]+$/)
  .refine(isSequence);
export const traceparent = z
  .string()
  .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
  .refine(isTraceparent);
export const tracestate = z.string().min(1).max(512).refine(isTracestate);

export const count = z.int().min(0).max(COUNT_MAX);
export const positive = z.int().min(1).max(COUNT_MAX);
export const duration = z.int().min(0).max(DURATION_MS_MAX);
export const span = z.int().min(1).max(DURATION_MS_MAX);

/** A JSON object small enough for an event. */
export const inlineObject = z
  .custom<JsonObject>(fitsInline, `a JSON object of at most ${INLINE_BYTES_MAX} canonical bytes`)
  .meta({ type: 'object', description: `At most ${INLINE_BYTES_MAX} canonical bytes.` });

/** A map. zod ignores a member called `__proto__`, so it is refused before zod sees it. */
export function map<V extends z.ZodType>(key: z.ZodString, value: V, max: number = Number.POSITIVE_INFINITY) {
  const plain = z.custom<z.input<z.ZodRecord<z.ZodString, V>>>(
    (given) => typeof given === 'object' && given !== null && !Object.hasOwn(given, '__proto__') && Object.keys(given).length <= max,
    'an object of bounded size without __proto__',
  );
  const record = z.record(key, value);
  return plain.pipe(Number.isFinite(max) ? record.meta({ maxProperties: max }) : record);
}
