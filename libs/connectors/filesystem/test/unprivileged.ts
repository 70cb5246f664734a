import { chmod, lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filesystemConnector, filesystemSystem } from '../src/index.ts';
import { outcomesOf, play, stepOf } from './play.ts';

/** What an ordinary user sees: prints its findings as JSON. @param argv root, uid to become (absent: stay) */
const [root = '', uid] = process.argv.slice(2);
if (uid !== undefined) {
  process.setgid?.(Number(uid));
  process.setgroups?.([]);
  process.setuid?.(Number(uid));
}
const system = filesystemSystem({ name: 'notes', root });
const open = () => filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root } });
const target = await open();
await mkdir(join(root, 'a'));
await mkdir(join(root, 'closed'));
await writeFile(join(root, 'a/x'), 'old', { mode: 0o640 });
await writeFile(join(root, 'closed/x'), 'old');
await writeFile(join(root, 'secret'), 'old');
await chmod(join(root, 'secret'), 0o200);

const found: Record<string, unknown> = { uid: process.getuid?.() };
const attempt = await play(system, async (handle) => {
  await handle.writeFile('a/x', 'bad');
  await handle.writeFile('closed/x', 'bad');
});
const batch = (run: string) => ({ run, token: '1', steps: [stepOf(1, attempt)] });
const outcome = async (run: string) => {
  const results = await target.invert(batch(run));
  return [outcomesOf(results)[0], results[0]?.findings[0]?.code];
};

await chmod(join(root, 'closed'), 0o500);
found.unwritable = await outcome('one');
found.untouched = await readFile(join(root, 'a/x'), 'utf8');
await chmod(join(root, 'closed'), 0o000);
found.unreadable = await outcome('one');
found.rehearsed = outcomesOf(await target.rehearse(batch('one').steps))[0];
await chmod(join(root, 'closed'), 0o700);
found.retried = await outcome('one');
found.restored = [await readFile(join(root, 'a/x'), 'utf8'), (await lstat(join(root, 'a/x'))).mode & 0o777];

await chmod(join(root, 'closed'), 0o000);
const watched = await play(system, () => writeFile(join(root, 'a/x'), 'by a tool'), { declared: ['filesystem://notes/'] });
found.watched = watched.effects.map(({ resource }) => resource);
const moved = await play(system, (handle) => handle.chmod('secret', 0o000));
found.ownUnreadable = outcomesOf(await target.invert({ run: 'two', token: '1', steps: [stepOf(1, moved)] }));
// What a tool finds in a folder that was closed before it ran is not its work.
const opened = await play(
  system,
  async () => {
    await chmod(join(root, 'closed'), 0o700);
    await writeFile(join(root, 'closed/y'), 'new');
  },
  { declared: ['filesystem://notes/'] },
);
found.opened = opened.effects.map(({ operation, resource, beyond }) => [operation, resource, beyond?.[0] ?? null]);
await chmod(join(root, 'closed'), 0o000);
const other = await play(system, () => chmod(join(root, 'closed'), 0o000), { declared: ['filesystem://notes/'] });
found.sameRights = other.effects.map(({ operation, beyond }) => [operation, beyond?.[0] ?? null]);
await chmod(join(root, 'closed'), 0o700);
if (await lstat(join(root, 'foreign')).catch(() => undefined)) {
  const foreign = await play(system, (handle) => handle.move('foreign', 'a/foreign'));
  found.foreign = [foreign.effects.length, outcomesOf(await target.invert({ run: 'three', token: '1', steps: [stepOf(1, foreign)] }))[0]];
} else found.foreign = [2, 'restored'];
process.stdout.write(JSON.stringify(found));
