import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX, countLines, encodeEvent, joinBatch, splitBatch } from '../src/index.ts';
import { examples } from './examples.ts';

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const split = (text: string): string[] | string => {
  const result = splitBatch(bytesOf(text));
  return result.ok ? result.events.map((event) => Buffer.from(event).toString()) : result.code;
};

test('events come out byte for byte, and one event is a batch of one', () => {
  const encoded = examples.map(({ event }) => encodeEvent(event));
  expect(encoded.some((bytes) => bytes.includes(0x0a))).toBe(false);
  const result = splitBatch(joinBatch(encoded));
  expect(result.ok && result.events).toEqual(encoded);
  const [first] = encoded as [Uint8Array];
  expect(joinBatch([first])).toBe(first);
  expect(splitBatch(first)).toEqual({ ok: true, events: [first] });
});

test('any lines come out as they were joined, with and without an LF at the end, and are counted', () => {
  const line = fc.uint8Array({ minLength: 1, maxLength: 20 }).filter((bytes) => !bytes.includes(0x0a));
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 30 }), (lines) => {
      const joined = joinBatch(lines);
      const ended = Uint8Array.from([...joined, 0x0a]);
      for (const batch of [joined, ended]) {
        expect(splitBatch(batch)).toEqual({ ok: true, events: lines });
        expect(countLines(batch, 100)).toBe(lines.length);
      }
    }),
  );
});

test.each<[string, string[] | string]>([
  ['', 'batch_empty'],
  ['\n', 'batch_empty'],
  ['a', ['a']],
  ['a\n', ['a']],
  // An empty line is refused on its own.
  ['\n\n', ['', '']],
  ['a\n\nb', ['a', '', 'b']],
  ['\na', ['', 'a']],
  ['a\n\n', ['a', '']],
  ['{"a":1}\r\n{"b":2}', ['{"a":1}\r', '{"b":2}']],
  ['[{"a":1},{"b":2}]', ['[{"a":1},{"b":2}]']],
])('%j', (text, expected) => {
  expect(split(text)).toEqual(expected);
});

test('size and number of lines are bounded', () => {
  const full = new Uint8Array(BATCH_BYTES_MAX).fill(0x61);
  expect(splitBatch(full)).toEqual({ ok: true, events: [full] });
  expect(splitBatch(new Uint8Array(BATCH_BYTES_MAX + 1))).toMatchObject({ code: 'batch_too_long' });
  expect(split('a\n'.repeat(BATCH_EVENTS_MAX))).toHaveLength(BATCH_EVENTS_MAX);
  expect(split('a\n'.repeat(BATCH_EVENTS_MAX + 1))).toBe('batch_too_long');
  const feeds = new Uint8Array(BATCH_BYTES_MAX).fill(0x0a);
  expect(splitBatch(feeds)).toMatchObject({ code: 'batch_too_long' });
  expect(countLines(feeds, BATCH_EVENTS_MAX)).toBe(BATCH_EVENTS_MAX + 1);
});

test('bytes that would be two lines, and no events at all, make no batch', () => {
  const code = expect.objectContaining({ code: 'not_canonical' });
  for (const events of [['{"a":\n1}'], ['a', '\n'], ['a\n', 'b']]) expect(() => joinBatch(events.map(bytesOf))).toThrow(code);
  expect(() => joinBatch([])).toThrow(RangeError);
});

test('random bytes never make it throw', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => typeof splitBatch(bytes).ok === 'boolean' && countLines(bytes, 5) <= 6));
});
