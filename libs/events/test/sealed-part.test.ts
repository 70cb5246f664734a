import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalize, openPart, SEAL_NONCE_BYTES, sealingKeyOf, sealPart } from '../src/index.ts';
import { decrypt, encrypt } from '../src/sealed-part.ts';

const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');

/**
 * D. McGrew and J. Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B, test cases 13 to 16 (AES-256, 96-bit nonces): the vectors
 * that were submitted with the mode to NIST.
 */
const KEY = 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308';
const NONCE = 'cafebabefacedbaddecaf888';
const PLAIN =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255';
const TEXT =
  '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad';
const VECTORS = [
  ['13', '00'.repeat(32), '00'.repeat(12), '', '', '', '530f8afbc74536b9a963b4f1c4cb738b'],
  ['14', '00'.repeat(32), '00'.repeat(12), '00'.repeat(16), '', 'cea7403d4d606b6e074ec5d3baf39d18', 'd0d1c8a799996bf0265b98b5d48ab919'],
  ['15', KEY, NONCE, PLAIN, '', TEXT, 'b094dac5d93471bdec1a502270e3cc6c'],
  [
    '16',
    KEY,
    NONCE,
    PLAIN.slice(0, 120),
    'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    TEXT.slice(0, 120),
    '76fc6ece0f4e1768cddf8853bb2d551b',
  ],
] as const;

test.for(VECTORS)('AES-256-GCM matches test case %s of its specification', ([, key, nonce, plain, context, text, tag]) => {
  const sealed = encrypt(hex(key), hex(nonce), hex(context), hex(plain));
  expect([Buffer.from(sealed.text).toString('hex'), Buffer.from(sealed.tag).toString('hex')]).toEqual([text, tag]);
  expect(Buffer.from(decrypt(hex(key), hex(nonce), hex(context), hex(tag), hex(text)) ?? []).toString('hex')).toBe(plain);
});

/** Magic and version, key id, nonce, tag. */
const SEAL_OVERHEAD_BYTES = 6 + 16 + 12 + 16;
const WHOSE = { tenant: 'acme', subject: 'customer/42' };
const DATA_KEY = { keyId: '0123456789abcdef'.repeat(2), key: new Uint8Array(32).fill(9) };
const seal = (plain: Uint8Array): Uint8Array => sealPart(plain, DATA_KEY, WHOSE, randomBytes(SEAL_NONCE_BYTES));

test('a sealed part names its key and opens to the original bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (plain) => {
      const sealed = seal(plain);
      expect(sealed.length).toBe(plain.length + SEAL_OVERHEAD_BYTES);
      expect(sealingKeyOf(sealed)).toBe(DATA_KEY.keyId);
      expect(openPart(sealed, DATA_KEY, WHOSE)).toEqual(plain);
    }),
  );
});

test('a sealed part opens only with its key, tenant and subject, and not with any bit changed', () => {
  const sealed = seal(Buffer.from('{"a":1}'));
  expect(openPart(sealed, { ...DATA_KEY, key: new Uint8Array(32).fill(8) }, WHOSE)).toBeUndefined();
  expect(openPart(sealed, { ...DATA_KEY, keyId: 'f'.repeat(32) }, WHOSE)).toBeUndefined();
  expect(openPart(sealed, DATA_KEY, { ...WHOSE, tenant: 'other' })).toBeUndefined();
  expect(openPart(sealed, DATA_KEY, { ...WHOSE, subject: 'customer/43' })).toBeUndefined();
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] as number) ^ 1;
    expect(openPart(changed, DATA_KEY, WHOSE)).toBeUndefined();
  }
  expect(openPart(sealed.subarray(0, -1), DATA_KEY, WHOSE)).toBeUndefined();
});

test('unsealed bytes are never recognised as sealed', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(sealingKeyOf(Buffer.from(canonicalize(value as never)))).toBeUndefined();
    }),
  );
  for (const short of [new Uint8Array(0), Buffer.from('RSEAL\u0001'), seal(new Uint8Array(0)).subarray(0, SEAL_OVERHEAD_BYTES - 1)]) {
    expect(sealingKeyOf(short)).toBeUndefined();
  }
});

test('a malformed key id throws', () => {
  expect(() => sealPart(new Uint8Array(1), { ...DATA_KEY, keyId: 'x' }, WHOSE, new Uint8Array(12))).toThrow(RangeError);
});
