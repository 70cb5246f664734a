import { createHash } from 'node:crypto';
import { canonicalize, INLINE_BYTES_MAX, type JsonObject, type JsonValue } from '@recant/events';

/** Canonical bytes of a member that stands there as it is, where all of them do not fit. */
const MEMBER_BYTES_MAX = 1_024;

/** What came of an act, as an entry holds it. Of more than that a digest stands there: no act goes without its end because it said much. */
export function fittingDetail(detail: JsonObject): JsonObject {
  if (bytesOf(detail).length <= INLINE_BYTES_MAX) return detail;
  const members = Object.entries(detail).map(([name, value]) => [name, bytesOf(value).length > MEMBER_BYTES_MAX ? digestOf(value) : value]);
  const fitted = Object.fromEntries(members) as JsonObject;
  return bytesOf(fitted).length <= INLINE_BYTES_MAX ? fitted : digestOf(detail);
}

const bytesOf = (value: JsonValue): Buffer => Buffer.from(canonicalize(value));
/** Of canonical JSON (RFC 8785), so that whoever has the value can tell that it is that one. */
const digestOf = (value: JsonValue): JsonObject => ({ sha256: createHash('sha256').update(bytesOf(value)).digest('hex') });
