import { encodeEntryBundle, encodeTile, leafHash, TILE_WIDTH } from '@recant/transparency';
import { describe, expect, it } from 'vitest';
import { createEventCheck, type LogReader, verifyLog } from '../src/index.ts';
import { type MadeLog, makeLog, testSigner } from './make-ledger.ts';

/** The static endpoints of a log. */
function reader(log: MadeLog, change: (kind: string, index: bigint, bytes: Buffer) => Buffer = (_kind, _index, bytes) => bytes): LogReader {
  return {
    checkpoint: async () => log.checkpoints.at(-1)?.note as Buffer,
    async tile(kind, { index, width }) {
      const from = Number(index) * TILE_WIDTH;
      const frames = log.frames.slice(from, from + width);
      return change(kind, index, kind === 'entries' ? encodeEntryBundle(frames) : encodeTile(frames.map(leafHash)));
    },
  };
}

const verify = (log: LogReader) => verifyLog(log, [testSigner().vkey], { events: createEventCheck() });

describe('a published log', () => {
  it.each([1, 2, 255, 256, 257, 600])('of %i entries is sound', async (size) => {
    expect(await verify(reader(makeLog(1, 4, size)))).toMatchObject({ sound: true, counts: { entries: size } });
  });

  it('is not sound with a changed tile of hashes or entries', async () => {
    const log = makeLog(1, 4, 300);
    const flipped = (kind: string, at: number) =>
      reader(log, (asked, index, bytes) => {
        if (asked === kind && index === 1n) bytes[at] = (bytes[at] ?? 0) ^ 1;
        return bytes;
      });
    expect(await verify(flipped('hashes', 40))).toMatchObject({ sound: false, rule: 'leaf_mismatch', index: 257n });
    // The last byte of the first entry's time.
    const timeAt = 2 + 4 + 'acme'.length + 'key1'.length + 7;
    expect(await verify(flipped('entries', timeAt))).toMatchObject({ sound: false, index: 256n });
    expect(await verify(reader(log, (_kind, _index, bytes) => bytes.subarray(1)))).toMatchObject({ sound: false });
    expect(await verify(reader(log, (_kind, _index, bytes) => Buffer.concat([bytes, bytes])))).toMatchObject({
      sound: false,
      rule: 'format',
    });
  });
});
