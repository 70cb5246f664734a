import { expect, test } from 'vitest';
import {
  BATCH_BYTES_MAX,
  COUNT_MAX,
  DECLARED_RESOURCES_MAX,
  DURATION_MS_MAX,
  EFFECT_CHUNKS_MAX,
  ERROR_MESSAGE_BYTES_MAX,
  EVENT_BYTES_MAX,
  EVENT_DEPTH_MAX,
  FRAME_BYTES_MAX,
  formatSequence,
  INLINE_BYTES_MAX,
  JSON_DEPTH_MAX,
  KAFKA_REQUEST_BYTES_MAX,
  NAME_BYTES_MAX,
  PART_BYTES_MAX,
  RESOURCE_BYTES_MAX,
  SEQUENCE_DIGITS,
  SHARDS_DEFAULT,
  SHARDS_MAX,
  TENANT_BYTES_MAX,
} from '../src/index.ts';

test('the frame of the largest event fits a tile entry', () => {
  // Format version, kind, length and tenant, length and key id, receivedAt.
  const overhead = 1 + 1 + 1 + TENANT_BYTES_MAX + 1 + TENANT_BYTES_MAX + 8;
  expect(EVENT_BYTES_MAX + overhead).toBeLessThanOrEqual(FRAME_BYTES_MAX);
  expect(FRAME_BYTES_MAX).toBe(0xffff);
  expect(TENANT_BYTES_MAX).toBeLessThanOrEqual(0xff);
});

test('an event has room for arguments and a result, or a message, with names of maximum length', () => {
  // JSON writes a control character in six bytes; an envelope has five names, a context five, a traceparent and a tracestate.
  expect(2 * INLINE_BYTES_MAX + 6 * ERROR_MESSAGE_BYTES_MAX + 10 * NAME_BYTES_MAX + 1_024).toBeLessThan(EVENT_BYTES_MAX);
});

test('an effect on the longest resource fits a chunk many times', () => {
  expect(16 * (RESOURCE_BYTES_MAX + 4 * NAME_BYTES_MAX)).toBeLessThan(EVENT_BYTES_MAX);
});

test('a resource fits a PostgreSQL key together with tenant and source', () => {
  expect(RESOURCE_BYTES_MAX + TENANT_BYTES_MAX + NAME_BYTES_MAX).toBeLessThan(2_704);
});

test('the largest event fits a batch, and the largest part a Kafka message', () => {
  expect(BATCH_BYTES_MAX).toBeGreaterThan(EVENT_BYTES_MAX + 1);
  expect(PART_BYTES_MAX).toBeLessThan(KAFKA_REQUEST_BYTES_MAX - 16_384);
  // The default of `max.message.bytes`, less the overhead of a record batch.
  expect(KAFKA_REQUEST_BYTES_MAX).toBeLessThan(1_048_588 - 16_384);
  expect(KAFKA_REQUEST_BYTES_MAX).toBeLessThan(BATCH_BYTES_MAX);
});

test('the deepest inline value does not exceed the depth of an event', () => {
  expect(EVENT_DEPTH_MAX).toBeLessThan(JSON_DEPTH_MAX);
});

test('numbers of the protocol are exact in a double and in their columns', () => {
  expect(formatSequence(Number.MAX_SAFE_INTEGER)).toHaveLength(SEQUENCE_DIGITS);
  expect(COUNT_MAX).toBe(2 ** 31 - 1);
  expect(EFFECT_CHUNKS_MAX).toBeLessThanOrEqual(COUNT_MAX);
  expect(DECLARED_RESOURCES_MAX).toBeLessThanOrEqual(COUNT_MAX);
  expect(Number.isSafeInteger(DURATION_MS_MAX + 253_402_300_799_999)).toBe(true);
  expect(Number.isSafeInteger(SHARDS_MAX * 2 ** 32 + SHARDS_MAX)).toBe(true);
  expect(SHARDS_DEFAULT).toBeLessThanOrEqual(SHARDS_MAX);
});
