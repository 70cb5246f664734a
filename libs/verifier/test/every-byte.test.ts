import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createEventCheck, verifyBundle } from '../src/index.ts';
import { makeBundle, makeLog } from './make-ledger.ts';

const verify = (bytes: Uint8Array) => verifyBundle([bytes], { events: createEventCheck() });

it('I12: a changed, inserted or removed byte of a bundle is detected', async () => {
  const bytes = await makeBundle([makeLog(0, 2, 12, 5).source(), makeLog(1, 2, 3).source()]);
  expect(await verify(bytes)).toMatchObject({ sound: true });
  const edit = fc.record({
    at: fc.nat(bytes.length - 1),
    bits: fc.integer({ min: 1, max: 255 }),
    kind: fc.constantFrom('change', 'insert', 'remove', 'cut'),
  });
  await fc.assert(
    fc.asyncProperty(edit, async ({ at, bits, kind }) => {
      const rest = kind === 'insert' ? bytes.subarray(at) : kind === 'cut' ? Buffer.alloc(0) : bytes.subarray(at + 1);
      const middle = kind === 'change' ? [(bytes[at] ?? 0) ^ bits] : kind === 'insert' ? [bits] : [];
      const edited = Buffer.concat([bytes.subarray(0, at), Uint8Array.from(middle), rest]);
      if (edited.equals(bytes)) return;
      expect(await verify(edited)).toMatchObject({ sound: false });
    }),
    { numRuns: 1_500 },
  );
});
