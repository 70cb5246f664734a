import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalize,
  decodeEvent,
  EVENT_BYTES_MAX,
  EVENT_DEPTH_MAX,
  EventError,
  type EventErrorCode,
  encodeEvent,
  type JsonValue,
  type RecantEvent,
} from '../src/index.ts';
import { isCanonical } from '../src/scan.ts';
import { EFFECT, examples } from './examples.ts';
import { mutatedEvent } from './hostile.ts';

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const first = (examples[0] as (typeof examples)[number]).event;
const text = canonicalize(first as never);
const codeOf = (bytes: Uint8Array): EventErrorCode | 'ok' => {
  const decoded = decodeEvent(bytes);
  if (!decoded.ok) expect(decoded.detail).not.toBe('');
  return decoded.ok ? 'ok' : decoded.code;
};
const changed = (change: (event: Record<string, never> & RecantEvent) => void, of: RecantEvent = first): Uint8Array => {
  const event = structuredClone(of);
  change(event as never);
  return bytesOf(canonicalize(event as never));
};

test.each(examples)('$name round-trips', ({ event }) => {
  const bytes = encodeEvent(event);
  expect(decodeEvent(bytes)).toEqual({ ok: true, event });
});

describe('every refusal has a code', () => {
  const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const cases: [string, Uint8Array, EventErrorCode][] = [
    ['one byte too many', new Uint8Array(EVENT_BYTES_MAX + 1), 'too_large'],
    ['brackets to the limit of bytes', bytesOf('['.repeat(EVENT_BYTES_MAX)), 'too_deep'],
    ['braces to the limit of bytes', bytesOf('{"a":'.repeat(EVENT_BYTES_MAX / 5)), 'too_deep'],
    ['one level too deep', bytesOf(deep(EVENT_DEPTH_MAX + 1)), 'too_deep'],
    ['nothing', new Uint8Array(0), 'malformed_json'],
    ['half an event', bytesOf(text.slice(0, -1)), 'malformed_json'],
    ['two events', bytesOf(text + text), 'malformed_json'],
    ['a byte order mark', bytesOf(`\ufeff${text}`), 'malformed_json'],
    ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'malformed_json'],
    ['a surrogate in UTF-8', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), 'malformed_json'],
    ['an overlong slash', new Uint8Array([0x22, 0xc0, 0xaf, 0x22]), 'malformed_json'],
    ['NaN', bytesOf('{"a":NaN}'), 'malformed_json'],
    ['a number over the range', bytesOf('{"a":1e400}'), 'not_i_json'],
    ['a lone surrogate', bytesOf('{"a":"\\ud800"}'), 'not_i_json'],
    ['a lone surrogate in a key', bytesOf('{"\\udc00":1}'), 'not_i_json'],
    ['U+0000', bytesOf('{"a":"\\u0000"}'), 'not_i_json'],
    ['U+0000 in a key', bytesOf('{"\\u0000":1}'), 'not_i_json'],
    ['a duplicate key', bytesOf('{"a":1,"a":1}'), 'not_i_json'],
    ['a duplicate key in two spellings', bytesOf('[{"b":{"a":1,"\\u0061":2}}]'), 'not_i_json'],
    ['white space', bytesOf(`${text} `), 'not_canonical'],
    ['minus zero', bytesOf('{"a":-0}'), 'not_canonical'],
    ['a leading zero', bytesOf('{"a":01}'), 'malformed_json'],
    ['a trailing zero', bytesOf('{"a":1.0}'), 'not_canonical'],
    ['an integer beyond doubles', bytesOf('{"a":9007199254740993}'), 'not_canonical'],
    ['an escaped slash', bytesOf('{"a":"\\/"}'), 'not_canonical'],
    ['an escaped pair', bytesOf('{"a":"\\ud83d\\ude00"}'), 'not_canonical'],
    ['an upper-case escape', bytesOf('{"a":"\\u001F"}'), 'not_canonical'],
    ['keys out of order', bytesOf('{"b":1,"a":1}'), 'not_canonical'],
    ['keys in order of code points, not code units', bytesOf('{"\ufb33":1,"😀":1}'), 'not_canonical'],
    ['an array', bytesOf('[]'), 'schema_invalid'],
    ['the deepest value', bytesOf(deep(EVENT_DEPTH_MAX)), 'schema_invalid'],
    ['no type', bytesOf('{}'), 'schema_invalid'],
    ['a foreign member', changed((event) => Object.assign(event, { tenant: 'other' })), 'schema_invalid'],
    ['a foreign member in the data', changed((event) => Object.assign(event.data, { sql: 'DROP TABLE x' })), 'schema_invalid'],
    ['__proto__', bytesOf(text.replace('{"agent"', '{"__proto__":{"polluted":1},"agent"')), 'schema_invalid'],
    ['a missing member', changed((event) => Reflect.deleteProperty(event, 'agent')), 'schema_invalid'],
    ['a day that does not exist', changed((event) => Object.assign(event, { time: '2026-02-29T00:00:00.000Z' })), 'schema_invalid'],
    ['sequence zero', changed((event) => Object.assign(event, { sequence: '0'.repeat(16) })), 'schema_invalid'],
    ['a terminal escape in a name', changed((event) => Object.assign(event, { agent: '\u001b[2J' })), 'schema_invalid'],
    ['another version', changed((event) => Object.assign(event, { type: 'recant.attempt.intended.v2' })), 'version_unknown'],
    ['another specversion', changed((event) => Object.assign(event, { specversion: '0.3' })), 'version_unknown'],
    ['another type', changed((event) => Object.assign(event, { type: 'com.example.v1' })), 'type_unknown'],
    ['a URL as resource', changed((event) => Object.assign(event.data, { resources: ['http://x/?a=b'] })), 'resource_invalid'],
    ['a resource that climbs', changed((event) => Object.assign(event.data, { resources: ['filesystem://n/a/../b'] })), 'resource_invalid'],
    ['an id of another attempt', changed((event) => Object.assign(event.data, { attempt: 3 })), 'id_mismatch'],
  ];
  test.each(cases)('%s', (_, bytes, code) => {
    expect(codeOf(bytes)).toBe(code);
  });

  test('a compensation cannot carry an endpoint or SQL', () => {
    const effects = examples.find(({ name }) => name === 'effects-full') as (typeof examples)[number];
    for (const smuggled of [{ sql: 'DROP TABLE x' }, { url: 'http://x' }]) {
      const compensation = { ...EFFECT.compensation, ...smuggled };
      const bytes = changed((event) => Object.assign(event.data, { effects: [{ ...EFFECT, compensation }] }), effects.event);
      expect(codeOf(bytes)).toBe('schema_invalid');
    }
  });
});

test('random bytes are refused and never make it throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => codeOf(bytes) !== 'ok'));
});

test('an event with some bytes changed is refused or canonical', () => {
  const change = fc.tuple(fc.nat(), fc.constantFrom(...Buffer.from('"\\{}[]:,0-e. \u0000\n')));
  fc.assert(
    fc.property(fc.constantFrom(...examples), fc.array(change, { minLength: 1, maxLength: 4 }), ({ event }, changes) => {
      const bytes = encodeEvent(event);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      const decoded = decodeEvent(bytes);
      if (decoded.ok) expect(Buffer.from(encodeEvent(decoded.event)).equals(bytes)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('the scan accepts exactly the canonical form', () => {
  const loose = fc.oneof(
    fc.jsonValue({ noUnicodeString: false }).map((value) => JSON.stringify(value)),
    fc.jsonValue().map((value) => JSON.stringify(value, null, 1)),
    fc.double().map(String),
    fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', 'a', 'b', ':', ',', '0', '1', '-', '.', 'e', '\\', 'u', 'é', '😀') }),
  );
  fc.assert(
    fc.property(loose, (given) => {
      let canonical: string | undefined;
      try {
        canonical = canonicalize(JSON.parse(given));
      } catch {
        canonical = undefined;
      }
      const expected = canonical === given && given.isWellFormed() && !/\\u0000/.test(given.replaceAll('\\\\', ''));
      expect(isCanonical(bytesOf(given))).toBe(expected);
    }),
    { numRuns: 5_000 },
  );
});

test('encoding and decoding accept the same values', () => {
  fc.assert(
    fc.property(mutatedEvent, (value: JsonValue) => {
      let canonical: string;
      try {
        canonical = canonicalize(value);
      } catch {
        return;
      }
      const decoded = decodeEvent(bytesOf(canonical));
      let encoded: EventErrorCode | 'ok' = 'ok';
      try {
        encodeEvent(value as never);
      } catch (error) {
        expect(error).toBeInstanceOf(EventError);
        encoded = (error as EventError).code;
      }
      // If several rules are broken, decoding reports those of the bytes first.
      expect(encoded === 'ok').toBe(decoded.ok);
    }),
    { numRuns: 3_000 },
  );
});
