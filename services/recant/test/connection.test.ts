import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findConnection, folderOf } from '../src/terminal/connection.ts';
import { VERSION } from '../src/terminal/version.ts';
import { temporaryFolder } from './process.ts';

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let inner: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  inner = join(folder.path, 'packages', 'agent');
  await mkdir(inner, { recursive: true });
  await mkdir(join(folder.path, '.recant'));
});
afterEach(() => folder.remove());

test.each([
  ['a git repository', '.git', ''],
  ['an npm workspace', 'package.json', '{"workspaces":["packages/*"]}'],
])('commands find the data folder at the root of %s from below', async (_root, name, content) => {
  await writeFile(join(folder.path, name), content);
  expect(folderOf(undefined, {}, inner)).toBe(join(folder.path, '.recant'));
});

test('the nearest data folder is used, and none above the root', async () => {
  await writeFile(join(folder.path, 'packages', '.git'), '');
  expect(folderOf(undefined, {}, inner)).toBe(join(inner, '.recant'));
  await mkdir(join(folder.path, 'packages', '.recant'));
  expect(folderOf(undefined, {}, inner)).toBe(join(folder.path, 'packages', '.recant'));
});

test('outside of a repository or workspace only the current directory counts', () => {
  expect(folderOf(undefined, {}, inner)).toBe(join(inner, '.recant'));
});

test('--dir and RECANT_DIR override the search, and an empty RECANT_DIR counts as unset', () => {
  expect(folderOf('x', { RECANT_DIR: 'y' }, inner)).toBe('x');
  expect(folderOf(undefined, { RECANT_DIR: 'y' }, inner)).toBe('y');
  expect(folderOf(undefined, { RECANT_DIR: '' }, folder.path)).toBe(join(folder.path, '.recant'));
});

test('without a service the error says where the folder is searched', async () => {
  await expect(findConnection({}, { RECANT_DIR: join(folder.path, 'none') })).rejects.toMatchObject({
    message: 'No service address found',
    action: expect.stringContaining('a parent folder of this repository'),
  });
});

test('npx recant runs the command line of this checkout', async () => {
  const { stdout } = await promisify(execFile)('npx', ['--no-install', 'recant', '--version'], { cwd: CHECKOUT });
  expect(stdout).toBe(`${VERSION}\n`);
});
