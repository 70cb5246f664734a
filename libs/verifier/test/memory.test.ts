import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./flat-memory.ts', import.meta.url));

/** The full size, 200 MB: `node libs/verifier/test/flat-memory.ts 200`. */
it('memory does not grow with the size of a bundle, sound or hostile', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=48', SCRIPT, '40']);
  const measured = JSON.parse(stdout) as { bundleMb: number; peakMb: number; hostile: Record<string, string> };
  expect(measured.bundleMb).toBeGreaterThanOrEqual(40);
  expect(measured.peakMb).toBeLessThan(220);
  expect(measured.hostile).toEqual({
    lengths: 'format',
    deep: 'format',
    records: 'format',
    letters: 'dead_letter_mismatch',
    nothing: 'version',
  });
});
