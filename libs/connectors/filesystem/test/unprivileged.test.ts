import { execFile } from 'node:child_process';
import { chmod, chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { makeRoot } from './world.ts';

/** `nobody` on most systems; any id that is not 0 would do. */
const ORDINARY_UID = 65_534;

test('I5: as an ordinary user: what may not be read or written is stuck, changes nothing, and is done once it may', async () => {
  const { root, parent, remove } = await makeRoot();
  const isRoot = process.getuid?.() === 0;
  if (isRoot) for (const folder of [parent, root]) await chown(folder, ORDINARY_UID, ORDINARY_UID);
  await chmod(parent, 0o700);
  if (isRoot) await writeFile(join(root, 'foreign'), 'old', { mode: 0o644 });
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, 'unprivileged.ts'),
    root,
    ...(isRoot ? [String(ORDINARY_UID)] : []),
  ]);
  expect(JSON.parse(stdout)).toEqual({
    uid: isRoot ? ORDINARY_UID : process.getuid?.(),
    unwritable: ['stuck', 'permission'],
    untouched: 'bad',
    unreadable: ['stuck', 'permission'],
    rehearsed: 'stuck',
    retried: ['restored', null],
    restored: ['old', 0o640],
    watched: ['filesystem://notes/a/x'],
    ownUnreadable: ['restored'],
    opened: [
      ['chmod', 'filesystem://notes/closed', null],
      ['unnamed', 'filesystem://notes/closed', 'closed (unreadable)'],
    ],
    sameRights: [['unnamed', 'closed (unreadable)']],
    // A file of another user, which an ordinary one may rename and may not link.
    foreign: [2, 'restored'],
  });
  await remove();
});
