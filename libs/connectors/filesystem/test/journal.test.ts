/** Damage of the store is found: a torn end is cut off, anything else is refused and changes nothing. */
import { appendFile, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectorError } from '@recant/connector';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filesystemConnector, filesystemSystem } from '../src/index.ts';
import { outcomesOf, type Played, play, undo } from './play.ts';
import { makeRoot } from './world.ts';

let root: string;
let store: string;
let journal: string;
let remove: () => Promise<void>;
let attempt: Played;

beforeEach(async () => {
  const made = await makeRoot();
  ({ root, remove } = made);
  store = join(made.parent, '.recant-images-notes');
  journal = join(store, 'journal');
  await writeFile(join(root, 'x'), 'old');
  const system = filesystemSystem({ name: 'notes', root });
  attempt = await play(system, (handle) => handle.writeFile('x', 'bad'));
  await system.close();
});
afterEach(() => remove());

const openTarget = () => filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root } });

async function expectRefused(reason: RegExp): Promise<void> {
  for (let time = 0; time < 2; time += 1) {
    const refusal = await openTarget().then(String, (error: ConnectorError) => error);
    expect(refusal).toMatchObject({ code: 'not_prepared' });
    expect(String(refusal)).toMatch(reason);
  }
  expect(await readFile(join(root, 'x'), 'utf8')).toBe('bad');
}

test.each([
  ['half a record', '1234abcd {"k":"did","at"'],
  ['blocks of zeros after a power failure', '\0'.repeat(4096)],
  ['a record with a block of zeros', `1234abcd {"k":"did"${'\0'.repeat(600)}}\n`],
])('a torn end is cut off: %s', async (_what, torn) => {
  await appendFile(journal, torn);
  const target = await openTarget();
  expect(outcomesOf((await undo(target, [attempt])).results)).toEqual(['restored']);
  await target.close();
  expect(await readFile(journal, 'utf8')).not.toContain('\0');
});

test('a flipped bit anywhere is refused, also in the last record', async () => {
  const bytes = await readFile(journal);
  for (const at of [20, Math.floor(bytes.length / 2), bytes.length - 10]) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await writeFile(journal, damaged);
    await expectRefused(/damaged at byte \d+/);
  }
});

test('a journal that is missing, empty, or of another store is refused', async () => {
  const bytes = await readFile(journal);
  await truncate(journal, 0);
  await expectRefused(/the start of the journal is missing/);
  await rm(journal);
  await expectRefused(/journal .* is missing/);
  await writeFile(journal, bytes);
  const other = await makeRoot();
  const system = filesystemSystem({ name: 'notes', root: other.root });
  await play(system, (handle) => handle.writeFile('y', 'y'));
  await system.close();
  await writeFile(journal, await readFile(join(other.parent, '.recant-images-notes/journal')));
  await expectRefused(/belongs to another store/);
  await other.remove();
});

test('a marker that is missing beside a used journal is refused', async () => {
  await rm(join(store, 'marker.json'));
  await expectRefused(/marker\.json is missing/);
});

test('a content that a power failure cut is cut off with its record', async () => {
  const whole = await readFile(journal);
  const system = filesystemSystem({ name: 'notes', root });
  await play(system, (handle) => handle.remove('x'));
  await system.close();
  const bytes = await readFile(journal);
  const starts = whole.length + bytes.subarray(whole.length).indexOf('{"k":"image"');
  expect(starts).toBeGreaterThan(whole.length);
  const contentAt = bytes.indexOf('\n', starts) + 1;
  await writeFile(join(root, 'x'), 'bad');
  for (const end of [contentAt, contentAt + 1, contentAt + 'bad'.length]) {
    await writeFile(journal, bytes.subarray(0, end));
    const target = await openTarget();
    await target.close();
    expect(await readFile(journal)).toEqual(whole);
  }
  await writeFile(journal, Buffer.concat([bytes.subarray(0, contentAt), Buffer.from('bad!'), bytes.subarray(contentAt + 4)]));
  await expectRefused(/damaged at byte \d+/);
});

test('a damaged image is expired, and nothing is written', async () => {
  const target = await openTarget();
  const at = (await readFile(journal)).indexOf('\nold\n');
  const file = await open(journal, 'r+');
  await file.write('X', at + 1);
  await file.close();
  expect(outcomesOf((await undo(target, [attempt])).results)).toEqual(['expired']);
  expect(await readFile(join(root, 'x'), 'utf8')).toBe('bad');
  await target.close();
});
