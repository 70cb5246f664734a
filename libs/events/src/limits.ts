/** Every limit of the protocol, with its unit. `limits.test.ts` checks limits that depend on one another. */

/** Canonical bytes of one event, so of one line of a batch. Its frame must fit a C2SP tile entry (uint16 length, 65,535 bytes). */
export const EVENT_BYTES_MAX = 65_000;
/** Bytes of one framed entry (C2SP tlog-tiles: entries are prefixed with a uint16 length). */
export const FRAME_BYTES_MAX = 65_535;
/** Nesting of arrays and objects in one event, including the event itself. */
export const EVENT_DEPTH_MAX = 32;
/** Nesting of any canonicalized value, including parts. */
export const JSON_DEPTH_MAX = 512;
/** Canonical bytes of content inside an event; larger content is sent as a part. */
export const INLINE_BYTES_MAX = 8_192;
/** Bytes of one part. */
export const PART_BYTES_MAX = 524_288;
/** UTF-8 bytes of a resource URI. It is a B-tree key in the store (PostgreSQL refuses keys over 2,704 bytes). */
export const RESOURCE_BYTES_MAX = 1_024;
/** UTF-8 bytes of a source, an event id, an agent, a session, a tool or another name. */
export const NAME_BYTES_MAX = 256;
/** Bytes of a version (ASCII). */
export const VERSION_BYTES_MAX = 128;
/** Decimal digits of an ordinal: enough for 128 bits. */
export const ORDINAL_DIGITS_MAX = 39;
/** UTF-8 bytes of an error message; the SDK truncates longer ones, the ledger refuses them. */
export const ERROR_MESSAGE_BYTES_MAX = 2_048;
/** UTF-8 bytes of the reason of an act. */
export const REASON_BYTES_MAX = 1_024;
/** Labels of one attempt. */
export const LABELS_MAX = 64;
/** Attempts of one action, and steps of one run: a 32-bit column. */
export const COUNT_MAX = 2_147_483_647;
/** Milliseconds of a deadline, a lease or a duration: 366 days. */
export const DURATION_MS_MAX = 31_622_400_000;
/** UTF-8 bytes of a tenant or of a key id: each is length-prefixed with one byte in the frame. */
export const TENANT_BYTES_MAX = 64;
/** Declared resources of one intent. */
export const DECLARED_RESOURCES_MAX = 256;
/** Chunks of effects of one attempt: 100,000 chunks of several hundred effects make tens of millions. */
export const EFFECT_CHUNKS_MAX = 100_000;
/** Events of one batch, a Kafka message or an HTTP body, and of one ledger transaction. */
export const BATCH_EVENTS_MAX = 2_000;
/** Bytes of one batch. Over Kafka the broker's own limit is lower: see KAFKA_REQUEST_BYTES_MAX. */
export const BATCH_BYTES_MAX = 4_194_304;
/** Bytes that a producer sends to one Kafka partition at once, headers included: a broker refuses a record batch over `max.message.bytes` (1,048,588 by default) as a whole. */
export const KAFKA_REQUEST_BYTES_MAX = 900_000;
/** Bytes of a refused message that its dead letter keeps: any event fits; of a larger message, the start. */
export const DEAD_LETTER_BYTES_MAX = 65_536;
/** Largest number of shards of a tenant: `shardOf` computes modulo in doubles, exact below 2^21. */
export const SHARDS_MAX = 4_096;
/** Default number of shards of a tenant; the first entry of each log fixes it. */
export const SHARDS_DEFAULT = 8;
/** Digits of the CloudEvents `sequence` extension: decimal, zero-padded, so that text order is number order (2^53 has 16). */
export const SEQUENCE_DIGITS = 16;
/** Milliseconds since 1970 of the first and last instant that ISO 8601 writes with a four-digit year: every store and language of this project can represent them. */
export const TIME_MS_MIN = Date.parse('0001-01-01T00:00:00Z');
export const TIME_MS_MAX = Date.parse('9999-12-31T23:59:59.999Z');
