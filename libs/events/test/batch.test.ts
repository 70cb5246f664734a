import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX, encodeEvent, splitBatch } from '../src/index.ts';
import { examples } from './examples.ts';

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const split = (text: string): string[] | string => {
  const result = splitBatch(bytesOf(text));
  return result.ok ? result.items.map((item) => Buffer.from(item).toString()) : result.code;
};

test('events come out byte for byte', () => {
  const encoded = examples.map(({ event }) => Buffer.from(encodeEvent(event)));
  const result = splitBatch(
    Buffer.concat([Buffer.from('['), ...encoded.flatMap((bytes) => [bytes, Buffer.from(',')]).slice(0, -1), Buffer.from(']')]),
  );
  expect(result.ok && result.items.map((item) => Buffer.from(item))).toEqual(encoded);
});

test('any JSON values come out as written, without surrounding white space', () => {
  const space = fc.constantFrom('', ' ', '\n\t', '\r\n');
  fc.assert(
    fc.property(fc.array(fc.json()), space, (items, gap) => {
      expect(split(`${gap}[${gap}${items.join(`${gap},${gap}`)}${gap}]${gap}`)).toEqual(items.map((item) => item.trim()));
    }),
  );
});

test.each<[string, string[] | string]>([
  ['[]', []],
  [' [ ] ', []],
  ['', 'malformed_json'],
  ['[', 'malformed_json'],
  ['{}', 'malformed_json'],
  ['[{}', 'malformed_json'],
  ['[{},]', 'malformed_json'],
  ['[,{}]', 'malformed_json'],
  ['[{}],[{}]', 'malformed_json'],
  ['["]', 'malformed_json'],
  ['["\\"]', 'malformed_json'],
  ['[{"a":"],"}]', ['{"a":"],"}']],
  // An invalid item is refused on its own.
  ['[nonsense,{}]', ['nonsense', '{}']],
])('%s', (text, expected) => {
  expect(split(text)).toEqual(expected);
});

test('size, number and depth are bounded without recursion', () => {
  expect(splitBatch(new Uint8Array(BATCH_BYTES_MAX + 1))).toMatchObject({ code: 'too_large' });
  expect(split(`[${'1,'.repeat(BATCH_EVENTS_MAX)}1]`)).toBe('too_large');
  expect(split(`[${'1,'.repeat(BATCH_EVENTS_MAX - 1)}1]`)).toHaveLength(BATCH_EVENTS_MAX);
  const depth = 1_000_000;
  expect(split(`[${'['.repeat(depth)}${']'.repeat(depth)}]`)).toHaveLength(1);
  expect(split('['.repeat(depth))).toBe('malformed_json');
});

test('random bytes never make it throw', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => typeof splitBatch(bytes).ok === 'boolean'));
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', ',', ' ', '1') }),
      (text) => typeof split(text) !== 'number',
    ),
  );
});
