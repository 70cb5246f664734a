import { createHash } from 'node:crypto';
import { canonicalize, INLINE_BYTES_MAX, type JsonObject, type JsonValue } from '@recant/events';

/** Canonical bytes of a member; a larger one is replaced by its digest when the whole detail is too large. */
const MEMBER_BYTES_MAX = 1_024;

/** A member of an act within INLINE_BYTES_MAX: large members of it are replaced by their digest, then the whole. An act never lacks its end because its detail was too large. */
export function withinInline(detail: JsonObject): JsonObject {
  if (bytesOf(detail).length <= INLINE_BYTES_MAX) return detail;
  const members = Object.entries(detail).map(([name, value]) => [name, bytesOf(value).length > MEMBER_BYTES_MAX ? digestOf(value) : value]);
  const fitted = Object.fromEntries(members) as JsonObject;
  return bytesOf(fitted).length <= INLINE_BYTES_MAX ? fitted : digestOf(detail);
}

const bytesOf = (value: JsonValue): Buffer => Buffer.from(canonicalize(value));
/** SHA-256 over canonical JSON (RFC 8785), so that a copy of the value can be checked against it. */
const digestOf = (value: JsonValue): JsonObject => ({ sha256: createHash('sha256').update(bytesOf(value)).digest('hex') });
