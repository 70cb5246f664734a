/**
 * Every bound of the protocol, with its unit, in one place. A bound that depends on another is asserted in `limits.test.ts`.
 */

/** Canonical bytes of one event. Its frame has to fit a C2SP tile entry (uint16 length, 65,535 bytes). */
export const EVENT_BYTES_MAX = 65_000;
/** Bytes of one framed entry (C2SP tlog-tiles: entries are prefixed with a uint16 length). */
export const FRAME_BYTES_MAX = 65_535;
/** Nesting of arrays and objects in one event, the event itself counted as 1. */
export const EVENT_DEPTH_MAX = 32;
/** Nesting of any value that is made canonical, the bytes of a part included. */
export const JSON_DEPTH_MAX = 512;
/** Canonical bytes of arguments, results or errors kept inside an event; anything larger is a part that stands beside it. */
export const INLINE_BYTES_MAX = 8_192;
/** Bytes of one part that stands beside its event. */
export const PART_BYTES_MAX = 524_288;
/** UTF-8 bytes of a resource URI. It is a B-tree key in the store (PostgreSQL refuses keys over 2,704 bytes). */
export const RESOURCE_BYTES_MAX = 1_024;
/** UTF-8 bytes of a source, an event id, an agent, a session, a tool or another name. */
export const NAME_BYTES_MAX = 256;
/** ASCII characters of a version. */
export const VERSION_BYTES_MAX = 128;
/** Decimal digits of an ordinal: what 128 bits need at most. */
export const ORDINAL_DIGITS_MAX = 39;
/** UTF-8 bytes of an error's message; the SDK cuts, the ledger refuses. */
export const ERROR_MESSAGE_BYTES_MAX = 2_048;
/** Labels of one attempt. */
export const LABELS_MAX = 64;
/** Tries of one action, and steps of one run: a 32-bit column. */
export const COUNT_MAX = 2_147_483_647;
/** Milliseconds of a deadline, a lease or a duration: 366 days. */
export const DURATION_MS_MAX = 31_622_400_000;
/** UTF-8 bytes of a tenant or of a key id: each is length-prefixed with one byte in the frame. */
export const TENANT_BYTES_MAX = 64;
/** Declared resources of one intent. */
export const DECLARED_RESOURCES_MAX = 256;
/** Chunks of effects of one attempt: 100,000 chunks of some hundred rows each carry tens of millions of effects. */
export const EFFECT_CHUNKS_MAX = 100_000;
/** Events of one HTTP batch, and of one transaction of the ledger. */
export const BATCH_EVENTS_MAX = 2_000;
/** Bytes of one HTTP batch body. */
export const BATCH_BYTES_MAX = 4_194_304;
/** Shards a tenant can have: `shardOf` computes modulo in doubles, exact below 2^21. */
export const SHARDS_MAX = 4_096;
/** Shards of a tenant: fixed in the first entry of each log. */
export const SHARDS_DEFAULT = 8;
/** Digits of the CloudEvents `sequence` extension: decimal, zero-padded, so that text order is number order (2^53 has 16). */
export const SEQUENCE_DIGITS = 16;
/** Milliseconds since 1970 of the first and last instant that ISO 8601 writes with a four-digit year: every store and language of this project holds them. */
export const TIME_MS_MIN = Date.parse('0001-01-01T00:00:00Z');
export const TIME_MS_MAX = Date.parse('9999-12-31T23:59:59.999Z');
