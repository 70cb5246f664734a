import reference from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalize, type JsonValue } from '../src/index.ts';
import { NOT_NUMBERS, NUMBERS, SAMPLE, SAMPLE_HEX, SORTED, SORTING, UNNORMALIZED } from './rfc-8785.ts';

const doubleOf = (hex: string): number => Buffer.from(hex, 'hex').readDoubleBE();
const thrown = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('RFC 8785', () => {
  test.each(NUMBERS)('number %s is written %s', (hex, text) => {
    expect(canonicalize(doubleOf(hex))).toBe(text);
  });
  test.each(NOT_NUMBERS)('number %s is refused', (hex) => {
    expect(thrown(() => canonicalize(doubleOf(hex)))).toMatchObject({ code: 'not_i_json' });
  });
  test('the sample gives the bytes of section 3.2.4', () => {
    expect(Buffer.from(canonicalize(JSON.parse(SAMPLE))).toString('hex')).toBe(SAMPLE_HEX.replaceAll(' ', ''));
  });
  test('keys are sorted by UTF-16 code units', () => {
    const text = canonicalize(JSON.parse(SORTING));
    expect(Object.keys(JSON.parse(SORTING))).not.toHaveLength(0);
    expect([...text.matchAll(/:"([^"]*)"/g)].map(([, value]) => value)).toEqual(SORTED);
  });
  test('text is not normalised', () => {
    expect(canonicalize(JSON.parse(UNNORMALIZED))).toBe('{"Unnormalized Unicode":"A\u030a"}');
  });
});

const json = fc.jsonValue({ noUnicodeString: false, depthSize: 'medium' }).filter((value) => thrown(() => reference(value)) === undefined);

test('any JSON value has the same text as from the npm package canonicalize', () => {
  fc.assert(
    fc.property(json, (value) => canonicalize(value as JsonValue) === reference(value)),
    { numRuns: 2_000 },
  );
});

test('any double round-trips', () => {
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => Number(canonicalize(value)) === value));
});

test('writing a parsed text gives the same text', () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalize(value as JsonValue);
      return canonicalize(JSON.parse(text)) === text;
    }),
  );
});

test('integer-like keys are sorted as text', () => {
  expect(canonicalize({ 10: 1, 9: 2, a: 3, '-1': 4 })).toBe('{"-1":4,"10":1,"9":2,"a":3}');
});

test('a member called __proto__ is a member', () => {
  expect(canonicalize(JSON.parse('{"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1}}');
});

class Money {
  readonly cents = 1;
}
const holes: unknown[] = [];
holes.length = 2;
test.each<[string, unknown]>([
  ['NaN', Number.NaN],
  ['an infinity', Number.NEGATIVE_INFINITY],
  ['a lone surrogate', ['\ud800']],
  ['a lone surrogate in a key', { '\udc00': 1 }],
  ['undefined', { a: undefined }],
  ['a bigint', 1n],
  ['a function', { toJSON: () => 1 }],
  ['a symbol', Symbol('x')],
  ['a date', new Date(0)],
  ['a map', new Map()],
  ['an instance', new Money()],
  ['a hole', holes],
])('%s is refused as no I-JSON', (_, value) => {
  expect(thrown(() => canonicalize(value as JsonValue))).toMatchObject({ name: 'EventError', code: 'not_i_json' });
});

test('a cycle and a million brackets are refused without exhausting the stack', () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  expect(thrown(() => canonicalize(cycle as JsonValue))).toMatchObject({ code: 'too_deep' });
  let deep: JsonValue = null;
  for (let depth = 0; depth < 1_000_000; depth += 1) deep = [deep];
  expect(thrown(() => canonicalize(deep))).toMatchObject({ code: 'too_deep' });
});
