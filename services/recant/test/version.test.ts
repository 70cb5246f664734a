import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { VERSION } from '../src/terminal/version.ts';
import { recantHere } from './process.ts';

test('--version prints the version of the package, and nothing else', async () => {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  expect(VERSION).toBe(version);
  expect(await recantHere('/nonexistent', ['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
});
