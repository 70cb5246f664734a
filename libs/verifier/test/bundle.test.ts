import { describe, expect, it } from 'vitest';
import { createEventCheck, type VerifyOptions, verifyBundle } from '../src/index.ts';
import { makeBundle, makeLog, testSigner } from './make-ledger.ts';

const verify = (bytes: Uint8Array, options: Partial<VerifyOptions> = {}) =>
  verifyBundle([bytes], { events: createEventCheck(), ...options });

describe('a sound bundle', () => {
  it.each([1, 2, 255, 256, 257, 1_000])('of two logs, one with %i entries, is sound in pieces of any size', async (size) => {
    const logs = [makeLog(0, 4, size), makeLog(2, 4, 20)];
    const bytes = await makeBundle(logs.map((log) => log.source()));
    const verdict = await verify(bytes);
    expect(verdict).toMatchObject({ sound: true, warnings: [], counts: { logs: 2, entries: size + 20 } });
    for (const length of [3, 777, 50_000]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / length) }, (_, n) => bytes.subarray(n * length, (n + 1) * length));
      expect(await verifyBundle(pieces, { events: createEventCheck() })).toEqual(verdict);
    }
    expect(await verify(bytes, { keys: [testSigner().vkey] })).toMatchObject({ sound: true, keysGiven: true });
  });

  it('may contain no log, or a log without entries', async () => {
    expect(await verify(await makeBundle([]))).toMatchObject({ sound: true, counts: { logs: 0, entries: 0 } });
  });

  it.each([1n, 2n, 255n, 256n, 300n])('may begin at entry %i of a log', async (from) => {
    const bytes = await makeBundle([makeLog(1, 4, 300).source(from)], { query: { shard: 1, from: String(from) } });
    expect(await verify(bytes)).toMatchObject({ sound: true, warnings: [], counts: { entries: 300 - Number(from) } });
  });
});
