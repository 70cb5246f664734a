import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ed25519Signer, encodeNote, formatCheckpoint, signNote } from '@recant/transparency';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { folderAnchor } from '../src/index.ts';

const signer = ed25519Signer('example.org', new Uint8Array(32).fill(1));
const checkpoint = (origin: string, size: bigint, fill = 7) => {
  const root = new Uint8Array(32).fill(fill);
  return { origin, size, note: encodeNote(signNote(formatCheckpoint({ origin, size, root }), [signer])) };
};
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recant-anchor-'));
});
afterEach(() => rm(dir, { recursive: true }));
const codeOf = (result: Promise<unknown>) =>
  result.then(
    () => 'done',
    ({ code }) => code,
  );

test('returns the largest checkpoint, never overwrites, and rejects another tree of the same size', async () => {
  const anchor = folderAnchor(dir);
  const origin = 'example.org/acme/0/e1';
  expect(await anchor.latest(origin)).toBeUndefined();
  for (const size of [9n, 10n, 255n, 70_000n]) await anchor.put(checkpoint(origin, size));
  expect(await anchor.latest(origin)).toEqual(Buffer.from(checkpoint(origin, 70_000n).note));
  await anchor.put(checkpoint(origin, 10n));
  expect(await codeOf(anchor.put(checkpoint(origin, 10n, 8)))).toBe('anchor_conflict');
  expect(await anchor.latest('example.org/acme/1/e1')).toBeUndefined();
  const names = await readdir(join(dir, 'example%2Eorg', 'acme', '0', 'e1'));
  expect(names).toHaveLength(4);
});

test('no origin leads out of the folder or to another origin’s files', async () => {
  const anchor = folderAnchor(dir);
  const seen = new Map<string, string>();
  const part = fc.oneof(fc.constantFrom('..', '.', '', '%2E', 'e1', 'CON', '*', '~', '0'), fc.string({ minLength: 1, maxLength: 12 }));
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 4 }), async (parts) => {
      const origin = parts
        .join('/')
        .replaceAll(/\p{Cc}/gu, '_')
        .toWellFormed();
      fc.pre(origin !== '' && !/\s/.test(origin));
      await anchor.put(checkpoint(origin, 1n));
      expect(await anchor.latest(origin)).toEqual(Buffer.from(checkpoint(origin, 1n).note));
      seen.set(origin, origin);
    }),
    { numRuns: 100 },
  );
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  expect(files).toHaveLength(seen.size);
  for (const file of files) expect(relative(dir, join(file.parentPath, file.name))).not.toMatch(/^\.\.|\/\.\.\//);
});

test('a missing folder or an invalid file does not look like an empty anchor', async () => {
  const origin = 'example.org/acme/0/e1';
  expect(await codeOf(folderAnchor(join(dir, 'not-mounted')).latest(origin))).toBe('anchor_unavailable');
  const folder = join(dir, 'example%2Eorg', 'acme', '0', 'e1');
  await mkdir(folder, { recursive: true });
  const name = join(folder, `${'5'.padStart(19, '0')}.checkpoint`);
  await writeFile(name, 'truncated');
  expect(await codeOf(folderAnchor(dir).latest(origin))).toBe('anchor_unavailable');
  expect(await codeOf(folderAnchor(dir).put(checkpoint(origin, 5n)))).toBe('anchor_unavailable');
  await writeFile(join(folder, 'notes.txt'), 'something else');
  await rm(name);
  expect(await folderAnchor(dir).latest(origin)).toBeUndefined();
  await chmod(folder, 0o755);
});
