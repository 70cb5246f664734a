import { readdirSync, readFileSync } from 'node:fs';
import { FRAME_BYTES_MAX } from '@recant/events';
import { leafHash } from '@recant/transparency';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deadLetterBody, decodeFrame, encodeFrame, type FrameKind, genesisBody } from '../src/index.ts';

/** Frames of every released version: hexadecimal bytes, decoded fields and leaf. Never edited. */
const folder = new URL('../../../test/compat/frames/', import.meta.url);
interface Fixture {
  readonly kind: FrameKind;
  readonly tenant: string;
  readonly keyId: string;
  readonly receivedAtMs: number;
  readonly body: string;
  readonly frame: string;
  readonly leaf: string;
}
const fixtures = readdirSync(folder).map((name) => ({ name, ...(JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Fixture) }));

describe('frame', () => {
  it.each(fixtures)('is read and written as released: $name', ({ kind, tenant, keyId, receivedAtMs, body, frame, leaf }) => {
    const bytes = Buffer.from(frame, 'hex');
    const decoded = decodeFrame(bytes);
    expect({ ...decoded, body: Buffer.from(decoded?.body ?? []).toString() }).toEqual({ kind, tenant, keyId, receivedAtMs, body });
    expect(encodeFrame({ kind, tenant, keyId, receivedAtMs, body: Buffer.from(body) }).toString('hex')).toBe(frame);
    expect(leafHash(bytes).toString('hex')).toBe(leaf);
  });

  it('round-trips, and has one encoding', () => {
    const name = fc
      .string({ minLength: 1, maxLength: 21, unit: 'grapheme' })
      .filter((text) => text.isWellFormed() && Buffer.byteLength(text) <= 64);
    const frames = fc.record({
      kind: fc.constantFrom<FrameKind>('genesis', 'event', 'dead_letter', 'epoch'),
      tenant: name,
      keyId: fc.oneof(fc.constant(''), name),
      receivedAtMs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      body: fc.uint8Array({ maxLength: 500 }),
    });
    fc.assert(
      fc.property(frames, (frame) => {
        const bytes = encodeFrame(frame);
        const decoded = decodeFrame(bytes);
        expect({ ...decoded, body: new Uint8Array(decoded?.body ?? []) }).toEqual(frame);
        expect(decoded && encodeFrame(decoded).equals(bytes)).toBe(true);
      }),
    );
  });

  it('is refused if truncated, of another version or kind, or too long', () => {
    const bytes = encodeFrame({ kind: 'event', tenant: 'acme', keyId: 'key1', receivedAtMs: 1, body: Buffer.alloc(0) });
    for (let length = 0; length < bytes.length; length += 1) expect(decodeFrame(bytes.subarray(0, length))).toBeUndefined();
    expect(decodeFrame(Buffer.concat([Buffer.from([2]), bytes.subarray(1)]))).toBeUndefined();
    expect(decodeFrame(Buffer.concat([Buffer.from([1, 4]), bytes.subarray(2)]))).toBeUndefined();
    expect(decodeFrame(Buffer.alloc(FRAME_BYTES_MAX + 1, 1))).toBeUndefined();
    const body = Buffer.alloc(FRAME_BYTES_MAX);
    expect(() => encodeFrame({ kind: 'event', tenant: 'acme', keyId: '', receivedAtMs: 1, body })).toThrow(RangeError);
    expect(() => encodeFrame({ kind: 'event', tenant: 'a'.repeat(65), keyId: '', receivedAtMs: 1, body: bytes })).toThrow(RangeError);
  });

  it('never throws on hostile bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeFrame(bytes)));
  });

  it('describes a log and a dead letter as canonical JSON', () => {
    expect(Buffer.from(genesisBody({ tenant: 'acme', shards: 8, shard: 3, epoch: 1 })).toString()).toBe(
      '{"epoch":1,"shard":3,"shards":8,"tenant":"acme"}',
    );
    const letter = { code: 'too_large', detail: 'd', digest: '00', origin: 'kafka:t/0/1', size: 70_000 } as const;
    expect(Buffer.from(deadLetterBody(letter)).toString()).toBe(
      '{"code":"too_large","detail":"d","digest":"00","origin":"kafka:t/0/1","size":70000}',
    );
  });
});
