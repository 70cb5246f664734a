import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkEvent, scanEvent } from '../src/guard/event.ts';
import type { Plain } from '../src/guard/guard.ts';
import * as plain from '../src/guard/plain.ts';
import * as texts from '../src/guard/texts.ts';
import { canonicalize, decodeEvent, encodeEvent, type Glance, glanceEvent, isUuidV7, type RecantEvent } from '../src/index.ts';
import { isConnectorName, isResource } from '../src/resource.ts';
import { isCanonical, NONE } from '../src/scan.ts';
import { isSequence } from '../src/sequence.ts';
import { examples } from './examples.ts';
import { mutatedEvent } from './hostile.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Without the scan: canonical form first, then the value. */
function isEvent(bytes: Uint8Array): { shape: boolean; whole: boolean } {
  try {
    const checked = checkEvent(JSON.parse(utf8.decode(bytes)));
    const shape = isCanonical(bytes) && (checked.ok || checked.code === 'id_mismatch');
    return { shape, whole: shape && checked.ok };
  } catch {
    return { shape: false, whole: false };
  }
}

function judge(bytes: Uint8Array): { shape: boolean; whole: boolean } {
  // The decoder refuses bytes that are not UTF-8.
  const shape = scanEvent(bytes) && isUtf8(bytes);
  const decoded = decodeEvent(bytes);
  expect(glanceEvent(Buffer.from(bytes))).toEqual(decoded.ok ? glanceOf(decoded.event) : undefined);
  return { shape, whole: decoded.ok };
}

/** The fields that `glanceEvent` must read from the bytes. */
function glanceOf(event: RecantEvent): Glance {
  const seen = { source: event.source, sequence: Number(event.sequence) };
  switch (event.type) {
    case 'recant.attempt.intended.v1':
      return { kind: 'intended', ...seen, action: event.data.action, attempt: event.data.attempt };
    case 'recant.attempt.effects.v1': {
      const { action, attempt, chunk, effects } = event.data;
      return {
        kind: 'effects',
        ...seen,
        action,
        attempt,
        chunk,
        effects: effects.length,
        list: Buffer.from(canonicalize(effects as never)),
      };
    }
    case 'recant.attempt.settled.v1': {
      const { action, attempt, chunks, effects, digest } = event.data;
      return { kind: 'settled', ...seen, action, attempt, chunks, effects, digest };
    }
    case 'recant.attempt.observed.v1': {
      const { action, attempt, system, transaction, chunk, chunks } = event.data;
      return { kind: 'observed', ...seen, action, attempt, system, transaction, chunk, chunks };
    }
    default:
      return { kind: 'other', ...seen, id: event.id };
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

describe('scanning bytes and checking the value accept the same', () => {
  test.each(examples)('$name', ({ event }) => {
    const bytes = encodeEvent(event);
    expect(judge(bytes)).toEqual({ shape: true, whole: true });
    for (let end = 0; end < bytes.length; end += 1) expect(scanEvent(bytes.subarray(0, end))).toBe(false);
  });

  test('of events with members changed', () => {
    let accepted = 0;
    fc.assert(
      fc.property(mutatedEvent, (value) => {
        const bytes = new Uint8Array(Buffer.from(canonicalizeOr(value) ?? '', 'utf8'));
        const expected = isEvent(bytes);
        accepted += Number(expected.shape);
        expect(judge(bytes)).toEqual(expected);
      }),
      { numRuns: 5_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test.each([
    ['in another order', (names: string[]) => names.toReversed()],
    ['with one of them twice', (names: string[]) => names.flatMap((name, n) => (n === 0 ? [name, name] : [name]))],
  ])('of events whose members stand %s', (_, spoil) => {
    for (const { event } of examples) {
      for (let nth = 0; nth < 12; nth += 1) {
        const bytes = Buffer.from(writeSpoilt(event, nth, spoil));
        expect(judge(bytes)).toEqual(isEvent(bytes));
      }
    }
  });

  test('of events with a source that needs escapes, or with data repeated in the id', () => {
    for (const { event } of examples) {
      const odd = { ...event, source: 'recant://größe/"\\😀' };
      expect(judge(encodeEvent(odd))).toEqual({ shape: true, whole: true });
      const bytes = Buffer.from(canonicalize({ ...event, id: `${event.id}0` } as never));
      // The id of a heartbeat contains its number.
      expect(judge(bytes)).toEqual({ shape: true, whole: event.type === 'recant.source.heartbeat.v1' });
    }
  });

  test('of events with bytes changed, inserted or removed', () => {
    const byte = fc.oneof(fc.constantFrom(...Buffer.from('"\\{}[]:,0019-eEaZ.%/ \u0000\n\u007fnullé')), fc.nat(255));
    const change = fc.tuple(fc.nat(), fc.constantFrom(0, 1), fc.array(byte, { maxLength: 2 }));
    let accepted = 0;
    fc.assert(
      fc.property(fc.constantFrom(...examples), fc.array(change, { minLength: 1, maxLength: 3 }), ({ event }, changes) => {
        let bytes = Buffer.from(encodeEvent(event));
        for (const [pick, cut, put] of changes) {
          const at = pick % bytes.length;
          bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(put), bytes.subarray(at + cut)]);
        }
        const expected = isEvent(bytes);
        accepted += Number(expected.shape);
        expect(judge(bytes)).toEqual(expected);
      }),
      { numRuns: 10_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});

/** JSON with the members of the nth object in another order, or one of them twice. */
function writeSpoilt(value: unknown, nth: number, spoil: (names: string[]) => string[]): string {
  let objects = 0;
  const write = (part: unknown): string => {
    if (typeof part !== 'object' || part === null) return JSON.stringify(part);
    if (Array.isArray(part)) return `[${part.map(write).join(',')}]`;
    const names = Object.keys(part).sort();
    const written = objects++ === nth ? spoil(names) : names;
    return `{${written.map((name) => `${JSON.stringify(name)}:${write((part as Record<string, unknown>)[name])}`).join(',')}}`;
  };
  return write(value);
}

function canonicalizeOr(value: unknown): string | undefined {
  try {
    return canonicalize(value as never);
  } catch {
    return undefined;
  }
}

const KINDS: readonly { kind: string; ends: Plain; accepts: (text: string) => boolean; sample: string[] }[] = [
  { kind: 'name', ends: plain.plainName, accepts: texts.isName, sample: ['agent-7', '__proto__', 'x'.repeat(256), 'x'.repeat(257)] },
  { kind: 'image', ends: plain.plainImageReference, accepts: texts.isImageReference, sample: ['capture/1', 'x'.repeat(1_025)] },
  { kind: 'version', ends: plain.plainVersion, accepts: texts.isVersion, sample: ['v1.AAECAwQFBgcICQoLDA0ODw', 'x'.repeat(129), 'a b'] },
  { kind: 'ordinal', ends: plain.plainOrdinal, accepts: texts.isOrdinal, sample: ['0', '10', '01', '9'.repeat(39), '9'.repeat(40)] },
  { kind: 'digest', ends: plain.plainDigest, accepts: texts.isDigest, sample: ['ab'.repeat(32), 'ab'.repeat(33), 'aB'.repeat(32)] },
  {
    kind: 'uuid',
    ends: plain.plainUuidV7,
    accepts: isUuidV7,
    sample: ['01936a5c-7e00-7abc-8def-0123456789ab', '01936a5c-7e00-7abc-8def-0123456789ab-'],
  },
  {
    kind: 'traceparent',
    ends: plain.plainTraceparent,
    accepts: texts.isTraceparent,
    sample: [
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
    ],
  },
  {
    kind: 'time',
    ends: plain.plainTime,
    accepts: texts.isTime,
    sample: ['2026-11-23T09:30:00.000Z', '2024-02-29T23:59:59.999Z', '2100-02-29T00:00:00.000Z', '1969-12-31T23:59:59.999Z'],
  },
  {
    kind: 'sequence',
    ends: plain.plainSequence,
    accepts: isSequence,
    sample: ['0000000000000001', '9007199254740991', '9007199254740992', '0'.repeat(16)],
  },
  { kind: 'connector', ends: plain.plainConnector, accepts: isConnectorName, sample: ['postgres', `p${'0'.repeat(32)}`, '-p'] },
  {
    kind: 'resource',
    ends: plain.plainResource,
    accepts: isResource,
    sample: [
      'postgres://shop/public.orders/42',
      'filesystem://n/a/../b',
      'filesystem://n/a%20b',
      `a://${'s'.repeat(65)}/`,
      `a://s/${'x'.repeat(1_019)}`,
    ],
  },
];

describe.each(KINDS)('a plain $kind', ({ ends, accepts, sample }) => {
  const reads = (text: string): boolean => {
    const bytes = Buffer.from(`"${text}"`);
    const to = ends(bytes, 1);
    return to !== NONE && to === bytes.length - 1;
  };

  test('is also accepted by the string predicate', () => {
    const edit = fc.tuple(fc.nat(), fc.constantFrom(0, 1), fc.string({ unit: fc.constantFrom(...'019aAfgzZ-_.:/%TZ ~'), maxLength: 2 }));
    fc.assert(
      fc.property(fc.constantFrom(...sample), fc.array(edit, { maxLength: 3 }), (text, edits) => {
        let changed = text;
        for (const [pick, cut, put] of edits) {
          const at = pick % (changed.length + 1);
          changed = changed.slice(0, at) + put + changed.slice(at + cut);
        }
        if (reads(changed)) expect({ changed, accepted: accepts(changed) }).toEqual({ changed, accepted: true });
      }),
      { numRuns: 3_000 },
    );
  });

  test('is read without the string predicate', () => {
    expect(reads(sample[0] as string)).toBe(true);
  });
});
