import { createHash, createHmac, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  agentMatches,
  createEffectsDigest,
  effectsDigest,
  formatApiKey,
  formatResource,
  formatSequence,
  isMessageKind,
  isResourcePattern,
  isTime,
  isUuidV7,
  macSecretOf,
  messageMac,
  parseApiKey,
  parseResource,
  parseSequence,
  partDigest,
  percentDecode,
  percentEncode,
  resourceMatches,
  shardOf,
  uuidv7,
} from '../src/index.ts';
import { EFFECT } from './examples.ts';

describe('resources', () => {
  test.each([
    '*',
    'postgres://*',
    'postgres://sh*',
    'postgres://shop/*',
    'postgres://shop/public.orders/4*',
    'filesystem://notes/.*',
    'postgres://shop/public.orders/42',
  ])('%s is a pattern of them', (pattern) => expect(isResourcePattern(pattern)).toBe(true));
  test.each([
    '',
    'nonsense',
    'shop',
    'nonsense*',
    'postgres*',
    '*shop',
    'postgres://shop',
    'postgres://sh*p/x',
    'postgres://shop/**',
    'https://me@host/*',
    'postgres://-*',
  ])('%j matches none, and is no pattern', (pattern) => expect(isResourcePattern(pattern)).toBe(false));
  test('every text round-trips as one path segment', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (piece) => {
        const text = formatResource({ connector: 'filesystem', system: 'notes', path: percentEncode(piece) });
        expect(percentDecode(parseResource(text)?.path as string)).toBe(piece);
      }),
    );
  });
  test.each([
    'postgres://shop/public.orders/42',
    'postgres://shop/public.orders/a%2Cb,c%2A',
    'filesystem://notes/',
    'filesystem://notes/...',
    'filesystem://notes/.git/a~b',
  ])('%s is one', (text) => {
    expect(formatResource(parseResource(text) as never)).toBe(text);
  });
  test.each([
    '',
    'postgres',
    'postgres://',
    'postgres://shop',
    'Postgres://shop/x',
    'postgres://user:secret@shop/x',
    'postgres://shop:5432/x',
    'postgres://shop/x?sslmode=off',
    'postgres://shop/x#y',
    'postgres://shop/x*',
    'postgres://shop/ x',
    'postgres://shop/ß',
    'postgres://shop/%2a',
    'postgres://shop/%61',
    'postgres://shop/%',
    'filesystem://notes/..',
    'filesystem://notes/a/./b',
    `filesystem://notes/${'a'.repeat(1_024)}`,
  ])('%s is refused', (text) => {
    expect(parseResource(text)).toBeUndefined();
  });
  test.each([
    { connector: 'a', system: 'b/c', path: 'd' },
    { connector: '', system: 'b', path: '' },
  ])('%o cannot be written', (resource) => {
    expect(() => formatResource(resource)).toThrow(expect.objectContaining({ code: 'resource_invalid' }));
  });
  test('a pattern is exact or ends in one star', () => {
    expect(resourceMatches('postgres://shop/*', 'postgres://shop/public.orders/1')).toBe(true);
    expect(resourceMatches('postgres://shop/*', 'postgres://shop2/public.orders/1')).toBe(false);
    expect(resourceMatches('postgres://shop/a', 'postgres://shop/a')).toBe(true);
    expect(resourceMatches('postgres://shop/a', 'postgres://shop/ab')).toBe(false);
    expect(resourceMatches('postgres://*/a', 'postgres://shop/a')).toBe(false);
    expect([agentMatches('bot-*', 'bot-1'), agentMatches('bot-1', 'bot-10'), agentMatches('*', 'x')]).toEqual([true, false, true]);
  });
});

describe('sequences', () => {
  test('text order is number order', () => {
    const n = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(fc.property(n, n, (a, b) => formatSequence(a) < formatSequence(b) === a < b && parseSequence(formatSequence(a)) === a));
  });
  test.each(['', '1', '0000000000000000', '9999999999999999', '000000000000000x', '-000000000000001'])('%s is refused', (text) => {
    expect(parseSequence(text)).toBeUndefined();
  });
  test.each([0, -1, 1.5, Number.NaN, 2 ** 53])('%s is refused', (n) => {
    expect(() => formatSequence(n)).toThrow(expect.objectContaining({ code: 'schema_invalid' }));
  });
});

describe('uuidv7', () => {
  test('the example of RFC 9562 appendix A.6', () => {
    const random = Buffer.from('0000000000000cc318c4dc0c0c07398f', 'hex');
    expect(uuidv7(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });
  test('always version 7, in order of time', () => {
    const random = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
    fc.assert(
      fc.property(time, random, time, random, (a, x, b, y) => {
        expect([isUuidV7(uuidv7(a, x)), a < b ? uuidv7(a, x) < uuidv7(b, y) : true]).toEqual([true, true]);
      }),
    );
  });
});

describe('times', () => {
  test('accepts exactly the format of toISOString', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }), (date) =>
        isTime(date.toISOString()),
      ),
    );
  });
  test.each([
    '2100-02-29T00:00:00.000Z',
    '2026-13-01T00:00:00.000Z',
    '2026-01-01T24:00:00.000Z',
    '2026-01-01T00:00:60.000Z',
    '1969-12-31T23:59:59.999Z',
  ])('%s is refused', (text) => {
    expect(isTime(text)).toBe(false);
  });
});

describe('digests', () => {
  const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  test('shards are the first eight bytes modulo their number', () => {
    fc.assert(
      fc.property(fc.string(), fc.webUrl(), fc.integer({ min: 1, max: 4_096 }), (tenant, source, shards) => {
        const expected = sha256(JSON.stringify([tenant, source])).readBigUInt64BE(0) % BigInt(shards);
        expect(shardOf(tenant, source, shards)).toBe(Number(expected));
      }),
    );
  });
  test.each([0, 1.5, 4_097])('%s shards are refused', (shards) => {
    expect(() => shardOf('t', 's', shards)).toThrow(RangeError);
  });
  test('effects are digested chunk by chunk', () => {
    expect(effectsDigest([])).toBe(sha256().toString('hex'));
    const chunk = sha256(
      `[{"compensation":{"connector":"postgres","images":["capture/18446744073709551616"]},"operation":"update","ordinal":"18446744073709551616",` +
        `"parts":{"note":{"after":"v1.EBESExQVFhcYGRobHB0eHw","before":null},"price":{"after":"v1.EBESExQVFhcYGRobHB0eHw","before":"v1.AAECAwQFBgcICQoLDA0ODw"}},` +
        `"reads":{"exists":"v1.AAECAwQFBgcICQoLDA0ODw","größe":null},"resource":"postgres://shop/public.orders/42"}]`,
    );
    const digest = createEffectsDigest();
    digest.add([EFFECT]);
    digest.add([]);
    expect(effectsDigest([[EFFECT], []])).toBe(sha256(chunk, sha256('[]')).toString('hex'));
    expect(digest.hex()).toBe(effectsDigest([[EFFECT], []]));
  });
  test('a part is digested with its salt before it', () => {
    expect(partDigest(Buffer.from('salt'), Buffer.from('bytes'))).toBe(sha256('saltbytes').toString('hex'));
  });
});

describe('API keys', () => {
  const secret = new Uint8Array(32).fill(251);
  test('a key round-trips', () => {
    const text = formatApiKey({ keyId: 'ops1', secret });
    expect(text).toMatch(/^recant_ops1_[A-Za-z0-9_-]{43}$/);
    expect(parseApiKey(text)).toEqual({ keyId: 'ops1', secret });
  });
  test.each(['', 'recant_ops1_', 'recant_OPS1_', 'other_ops1_'])('%s with a secret is refused', (prefix) => {
    expect(
      parseApiKey(`${prefix}${prefix.endsWith('1_') && prefix.startsWith('recant_o') ? 'a'.repeat(42) : 'a'.repeat(43)}`),
    ).toBeUndefined();
  });
  test('another spelling of the same secret is refused', () => {
    const text = formatApiKey({ keyId: 'ops1', secret: new Uint8Array(32) });
    expect(text.endsWith('A')).toBe(true);
    expect(parseApiKey(`${text.slice(0, -1)}B`)).toBeUndefined();
  });
  test('the MAC is HMAC-SHA256 of kind, line feed and value, under a secret derived from the key', () => {
    const mac = macSecretOf(secret);
    expect(Buffer.from(mac)).toEqual(Buffer.from(hkdfSync('sha256', secret, '', 'recant.message-mac.v1', 32)));
    const value = Buffer.from('{}');
    expect(messageMac(mac, 'events', value)).toBe(createHmac('sha256', mac).update('events\n{}').digest('base64url'));
    const others = [messageMac(mac, 'part', value), messageMac(mac, 'events', Buffer.from('{ }')), messageMac(secret, 'events', value)];
    expect(new Set([messageMac(mac, 'events', value), ...others]).size).toBe(4);
  });
  test('the MAC is right for any value under any secret of up to 64 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 300 }), (key, value) => {
        const expected = createHmac('sha256', key).update('part\n').update(value).digest('base64url');
        expect([messageMac(key, 'part', value), messageMac(key, 'part', value)]).toEqual([expected, expected]);
      }),
    );
    expect(() => messageMac(new Uint8Array(65), 'part', new Uint8Array(0))).toThrow(RangeError);
  });
  test('a kind has no character that could end it', () => {
    expect(['events', 'part', 'events.v2'].map(isMessageKind)).toEqual([true, true, true]);
    expect(['', 'Events', 'events\n', 'a b', '1', 'ä', 'x'.repeat(33)].map(isMessageKind)).toEqual(Array(7).fill(false));
  });
});
