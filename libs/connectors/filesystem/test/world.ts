import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConformanceWorld, WorldOp } from '@recant/connector/conformance';
import { type Directory, filesystemConnector, filesystemSystem } from '../src/index.ts';

/** A root with a store beside it, in a temporary folder of its own. */
export async function makeRoot(): Promise<{ root: string; parent: string; remove(): Promise<void> }> {
  const parent = await mkdtemp(join(tmpdir(), 'recant-filesystem-'));
  const root = join(parent, 'root');
  await mkdir(root);
  return { root, parent, remove: () => rm(parent, { recursive: true, force: true }) };
}

/** Type, mode, content of everything beneath a root, read without the connector; no link is followed. */
export async function snapshotOf(root: string): Promise<Record<string, string>> {
  const all: Record<string, string> = Object.create(null);
  const visit = async (name: string): Promise<void> => {
    const path = join(root, name);
    const stat = await lstat(path);
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isSymbolicLink()) all[name] = `link ${await readlink(path)}`;
    else if (stat.isFile()) all[name] = `file ${mode} ${(await readFile(path)).toString('base64')}`;
    else {
      all[name] = `dir ${mode}`;
      for (const child of await readdir(path)) await visit(join(name, child));
    }
  };
  await visit('');
  return { ...all };
}

const SYSTEM = 'notes';
const fileOf = (item: string) => `shelf/${item} é%.txt`;

/** Items are files in one folder, with a name that needs encoding. */
export async function makeWorld(initial: Readonly<Record<string, string>>): Promise<ConformanceWorld<Directory>> {
  const { root, parent, remove } = await makeRoot();
  await mkdir(join(root, 'shelf'));
  for (const [item, value] of Object.entries(initial)) await writeFile(join(root, fileOf(item)), value, { mode: 0o644 });
  const capturing = filesystemSystem({ name: SYSTEM, root });
  const open = () => filesystemConnector.open({ name: SYSTEM, connector: 'filesystem', options: { root } });
  const targets = [await open()];
  return {
    capturing,
    target: targets[0] as NonNullable<(typeof targets)[0]>,
    async reopen() {
      const target = await open();
      targets.push(target);
      return target;
    },
    async perform(handle, ops) {
      for (const op of ops) await performOne(handle, op);
    },
    async outside(ops) {
      for (const op of ops) {
        const path = join(root, fileOf(op.item));
        if (op.kind === 'touch') await writeFile(path, await readFile(path));
        else if (op.kind === 'remove') await rm(path);
        else await writeFile(path, op.value);
      }
    },
    resourceOf: (item) => `filesystem://${SYSTEM}/shelf/${item}%20%C3%A9%25.txt`,
    snapshot: () => snapshotOf(root),
    async blind() {
      await rename(root, join(parent, 'elsewhere'));
      await mkdir(root);
      return async () => {
        await rm(root, { recursive: true });
        await rename(join(parent, 'elsewhere'), root);
        await chmod(root, 0o755);
      };
    },
    hostileResources: [
      `filesystem://${SYSTEM}/../etc/passwd`,
      `filesystem://${SYSTEM}/shelf/../../etc/passwd`,
      `filesystem://${SYSTEM}/%2E%2E/etc/passwd`,
      `filesystem://${SYSTEM}/..%2Fetc%2Fpasswd`,
      `filesystem://${SYSTEM}//etc/passwd`,
      `filesystem://${SYSTEM}/shelf/`,
      `filesystem://${SYSTEM}/`,
      `filesystem://${SYSTEM}/a%00b`,
      `filesystem://${SYSTEM}/%C3`,
      `filesystem://${SYSTEM}/.recant-1`,
      `filesystem://${SYSTEM}/${'x'.repeat(300)}`,
      `filesystem://other@${SYSTEM}/a`,
      `file:///etc/passwd`,
      '/etc/passwd',
    ],
    async tearDown() {
      await Promise.all([capturing.close(), ...targets.map((target) => target.close())]);
      await remove();
    },
  };
}

async function performOne(handle: Directory, op: WorldOp): Promise<void> {
  const path = fileOf(op.item);
  if (op.kind === 'touch') await handle.writeFile(path, await handle.readFile(path));
  else if (op.kind === 'remove') await handle.remove(path);
  else await handle.writeFile(path, op.value);
}
