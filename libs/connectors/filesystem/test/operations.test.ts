import { hash } from 'node:crypto';
import { chmod, link, lstat, mkdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TargetSystem } from '@recant/connector';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Directory, type FilesystemSystem, filesystemConnector, filesystemSystem } from '../src/index.ts';
import { outcomesOf, play, undo } from './play.ts';
import { makeRoot, snapshotOf } from './world.ts';

let root: string;
let parent: string;
let remove: () => Promise<void>;
let system: FilesystemSystem;
let target: TargetSystem;

beforeEach(async () => {
  ({ root, parent, remove } = await makeRoot());
  await mkdir(join(root, 'a/deep/er'), { recursive: true });
  await writeFile(join(root, 'a/one.txt'), 'one two three');
  await writeFile(join(root, 'a/deep/two.bin'), Buffer.from([0, 255, 10, 13]), { mode: 0o600 });
  await symlink('../one.txt', join(root, 'a/deep/link'));
  await symlink('/etc', join(root, 'a/out'));
  await chmod(join(root, 'a/deep/er'), 0o2750);
  system = filesystemSystem({ name: 'notes', root });
  target = await filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root } });
});
afterEach(async () => {
  await system.close();
  await target.close();
  await remove();
});

const OPERATIONS: Record<string, (handle: Directory) => Promise<unknown>> = {
  'makes a file': (handle) => handle.writeFile('a/new.txt', 'new', { mode: 0o755 }),
  'overwrites a file with another mode': (handle) => handle.writeFile('a/one.txt', 'other', { mode: 0o600 }),
  'edits a file': (handle) => handle.edit('a/one.txt', 'two', 'TWO'),
  'appends to a file': (handle) => handle.append('a/deep/two.bin', new Uint8Array([7])),
  'appends to a new file': (handle) => handle.append('a/log', 'first'),
  'moves a file': (handle) => handle.move('a/one.txt', 'b.txt'),
  'moves a file over another': (handle) => handle.move('a/one.txt', 'a/deep/two.bin'),
  'moves a link': (handle) => handle.move('a/out', 'a/deep/out'),
  'moves a folder with all beneath': (handle) => handle.move('a', 'z'),
  'removes a file': (handle) => handle.remove('a/one.txt'),
  'removes a link, not its target': (handle) => handle.remove('a/out'),
  'removes an empty folder': (handle) => handle.remove('a/deep/er'),
  'removes a folder with all beneath': (handle) => handle.remove('a', { recursive: true }),
  'makes a folder': (handle) => handle.mkdir('b', { mode: 0o700 }),
  'makes folders': (handle) => handle.mkdir('b/c/d', { recursive: true }),
  'sets the mode of a file': (handle) => handle.chmod('a/one.txt', 0o4755),
  'sets the mode of a folder': (handle) => handle.chmod('a/deep', 0o555),
  'restricts a folder and its items': async (handle) => {
    await handle.remove('a/deep/two.bin');
    await handle.chmod('a/deep', 0o500);
  },
  'changes content and mode of a file and then removes it': async (handle) => {
    await handle.chmod('a/one.txt', 0o600);
    await handle.append('a/one.txt', 'more');
    await handle.remove('a/one.txt');
  },
  'sets the mode of a folder and then removes it with all beneath': async (handle) => {
    await handle.append('a/deep/two.bin', 'more');
    await handle.chmod('a/deep', 0o711);
    await handle.move('a/deep', 'moved');
    await handle.remove('moved', { recursive: true });
  },
  'makes, moves, changes and removes': async (handle) => {
    await handle.mkdir('b');
    await handle.move('a/deep', 'b/deep');
    await handle.writeFile('b/deep/two.bin', 'x');
    await handle.remove('b/deep/link');
    await handle.writeFile('a/deep', 'a file where a folder was');
    await handle.chmod('b/deep/er', 0o700);
  },
  'replaces a file by a folder, and a folder by a file': async (handle) => {
    await handle.remove('a/one.txt');
    await handle.mkdir('a/one.txt');
    await handle.writeFile('a/one.txt/in', 'in');
    await handle.remove('a/deep', { recursive: true });
    await handle.writeFile('a/deep', 'file');
  },
};

describe('undoing restores every file, link, folder and mode', () => {
  for (const [what, tool] of Object.entries(OPERATIONS)) {
    test(`of a tool that ${what}; and undoing the undo restores the tool's state`, async () => {
      const before = await snapshotOf(root);
      const attempt = await play(system, tool);
      const after = await snapshotOf(root);
      expect(after).not.toEqual(before);
      const { results, inverses } = await undo(target, [attempt]);
      expect(results).toMatchObject([{ outcome: 'restored', findings: [] }]);
      expect(await snapshotOf(root)).toEqual(before);
      expect(outcomesOf((await undo(target, inverses)).results)).toEqual(['restored']);
      expect(await snapshotOf(root)).toEqual(after);
    });
  }
});

describe('undoing restores exactly', () => {
  const NAMES = [
    'sp ace',
    'new\nline',
    '100%',
    '%41',
    'ünï©ode',
    'e\u0301',
    '"quote\'',
    '*star',
    'back\\slash',
    '-rf',
    '...',
    '#a?b',
    '日本',
    '😀',
    ' ',
    'a'.repeat(255),
    '__proto__',
  ];
  test('items with any names', async () => {
    const before = await snapshotOf(root);
    const attempt = await play(system, async (handle) => {
      for (const name of NAMES) {
        await handle.mkdir(`x/${name}`, { recursive: true });
        await handle.writeFile(`x/${name}/${name}`, name);
        expect(await handle.readFile(`x/${name}/${name}`, 'utf8')).toBe(name);
      }
    });
    expect(attempt.effects.filter(({ operation }) => operation === 'create')).toHaveLength(NAMES.length);
    expect(outcomesOf((await undo(target, [attempt])).results)).toEqual(['restored']);
    expect(await snapshotOf(root)).toEqual(before);
  });

  test('times to a microsecond', async () => {
    await utimes(join(root, 'a/one.txt'), 1_600_000_000.123456, 1_600_000_000.123456);
    await utimes(join(root, 'a/deep/er'), 1_500_000_000.654321, 1_500_000_000.654321);
    const microseconds = async (path: string) => (await lstat(join(root, path), { bigint: true })).mtimeNs / 1000n;
    const before = [await microseconds('a/one.txt'), await microseconds('a/deep/er')];
    const attempt = await play(system, async (handle) => {
      await handle.writeFile('a/one.txt', 'x');
      await handle.remove('a/deep', { recursive: true });
    });
    expect(outcomesOf((await undo(target, [attempt])).results)).toEqual(['restored']);
    expect([await microseconds('a/one.txt'), await microseconds('a/deep/er')]).toEqual(before);
  });

  test('a tool that failed half-way', async () => {
    const before = await snapshotOf(root);
    const attempt = await play(system, async (handle) => {
      await handle.writeFile('a/one.txt', 'half');
      await handle.remove('nothing');
      await handle.writeFile('a/one.txt', 'never');
    });
    expect(await readFile(join(root, 'a/one.txt'), 'utf8')).toBe('half');
    expect(outcomesOf((await undo(target, [attempt])).results)).toEqual(['restored']);
    expect(await snapshotOf(root)).toEqual(before);
  });

  test('a hard-linked file without changing its other name', async () => {
    await link(join(root, 'a/one.txt'), join(root, 'a/same.txt'));
    const attempt = await play(system, (handle) => handle.writeFile('a/one.txt', 'changed'));
    expect(await readFile(join(root, 'a/same.txt'), 'utf8')).toBe('one two three');
    expect(outcomesOf((await undo(target, [attempt])).results)).toEqual(['restored']);
  });
});

describe('a directory refuses operations that could leave the root or lose data', () => {
  const tried = async (tool: (handle: Directory) => Promise<unknown>, options: { fileBytesMax?: number; treeEntriesMax?: number } = {}) => {
    const bounded = filesystemSystem({ name: 'notes', root, ...options });
    const before = await snapshotOf(root);
    const capture = await bounded.capture({ source: 'recant://one/1', action: 'x', attempt: 1 }, []);
    const error = await tool(capture.handle).then(
      () => undefined,
      (cause: { code?: string }) => cause.code,
    );
    await bounded.close();
    expect(await snapshotOf(root)).toEqual(before);
    return error;
  };
  const PATHS = [
    '../x',
    'a/../../x',
    '/etc/passwd',
    'a/\0',
    'a/\ud800',
    'b'.repeat(256),
    `${'d/'.repeat(200)}x`,
    '.recant-7',
    '',
    '.',
    `${'é'.repeat(120)}/${'é'.repeat(120)}`,
  ];
  for (const path of PATHS) {
    test(`writing to ${JSON.stringify(path.slice(0, 20))}`, async () => {
      expect(['resource_invalid', 'ENOENT']).toContain(await tried((handle) => handle.writeFile(path, 'x')));
      expect(['resource_invalid', 'ENOENT']).toContain(await tried((handle) => handle.remove(path, { recursive: true })));
    });
  }
  test('writing through a link to a folder, or to a file', async () => {
    expect(await tried((handle) => handle.writeFile('a/out/x', 'x'))).toBe('capture_refused');
    expect(await tried((handle) => handle.readFile('a/out/passwd'))).toBe('capture_refused');
    expect(await tried((handle) => handle.writeFile('a/deep/link', 'x'))).toBe('resource_invalid');
    expect(await tried((handle) => handle.chmod('a/deep/link', 0o777))).toBe('resource_invalid');
  });
  test('a folder over its limit, before any change', async () => {
    expect(await tried((handle) => handle.move('a', 'b'), { treeEntriesMax: 3 })).toBe('too_large');
  });
  test('moving a folder into itself, over a folder, or from nowhere', async () => {
    expect(await tried((handle) => handle.move('a', 'a/deep/a'))).toBe('EINVAL');
    expect(await tried((handle) => handle.move('a/one.txt', 'a/deep'))).toBe('EEXIST');
    expect(await tried((handle) => handle.move('nothing', 'b'))).toBe('ENOENT');
    expect(await tried((handle) => handle.move('a/one.txt', 'nowhere/b'))).toBe('ENOENT');
  });
  test('an edit whose text occurs never or twice, removing a full folder without recursive, creating an existing item', async () => {
    expect(await tried((handle) => handle.edit('a/one.txt', 'four', 'x'))).toBe('EINVAL');
    expect(await tried((handle) => handle.edit('a/one.txt', 'e', 'x'))).toBe('EINVAL');
    expect(await tried((handle) => handle.remove('a'))).toBe('ENOTEMPTY');
    expect(await tried((handle) => handle.mkdir('a'))).toBe('EEXIST');
    expect(await tried((handle) => handle.writeFile('a', 'x'))).toBe('EISDIR');
  });
  test('anything after the attempt was settled', async () => {
    const capture = await system.capture({ source: 'recant://one/1', action: 'y', attempt: 1 }, []);
    for await (const effect of capture.settle()) expect(effect).toBeUndefined();
    await expect(capture.handle.writeFile('late', 'x')).rejects.toMatchObject({ code: 'capture_refused' });
  });
});

describe('reads are recorded', () => {
  test('with part and version, also for absent items', async () => {
    const { effects } = await play(system, async (handle) => {
      await handle.readFile('a/one.txt');
      await handle.list('a');
      await handle.stat('a/deep');
      await handle.readFile('a/nothing');
    });
    expect(effects.every(({ parts, compensation }) => Object.keys(parts).length === 0 && compensation === undefined)).toBe(true);
    const read = effects.map(({ operation, resource, reads }) => [
      operation,
      resource.slice('filesystem://notes/'.length),
      Object.keys(reads ?? {}).join(),
    ]);
    expect(read).toEqual([
      ['read', 'a/one.txt', 'exists,content'],
      ['list', 'a', 'exists'],
      ['list', 'a/deep', 'exists'],
      ['list', 'a/one.txt', 'exists'],
      ['list', 'a/out', 'exists'],
      ['stat', 'a/deep', 'exists,mode'],
      ['read', 'a/nothing', 'exists'],
    ]);
    expect(effects.at(-1)?.reads).toEqual({ exists: null });
  });
});

describe('changes of an uninstrumented tool to declared resources are recorded', () => {
  test('in files and whole folders, and undone', async () => {
    const before = await snapshotOf(root);
    const declared = ['filesystem://notes/a', 'filesystem://notes/new'];
    const attempt = await play(
      system,
      async (handle) => {
        await rm(join(root, 'a/one.txt'));
        await writeFile(join(root, 'a/deep/two.bin'), 'changed');
        await mkdir(join(root, 'a/made'));
        await writeFile(join(root, 'a/made/x'), 'x');
        await chmod(join(root, 'a/deep/er'), 0o700);
        await writeFile(join(root, 'new'), 'new');
        await handle.writeFile('a/handled', 'by the handle');
        await writeFile(join(root, 'a/handled'), 'and again without');
      },
      { declared },
    );
    const written = attempt.effects.map(({ operation, resource }) => `${operation} ${resource.slice('filesystem://notes/'.length)}`);
    expect(written).toEqual([
      'create a/handled',
      'chmod a/deep/er',
      'write a/deep/two.bin',
      'write a/handled',
      'create a/made',
      'create a/made/x',
      'remove a/one.txt',
      'create new',
    ]);
    expect(outcomesOf((await undo(target, [attempt])).results)).toEqual(['restored']);
    expect(await snapshotOf(root)).toEqual(before);
  });

  test('including an equal write, which changes only the time', async () => {
    const { effects } = await play(system, () => writeFile(join(root, 'a/one.txt'), 'one two three'), {
      declared: ['filesystem://notes/a/one.txt'],
    });
    expect(effects).toHaveLength(1);
    expect(effects[0]?.parts.content?.before).toBe(effects[0]?.parts.content?.after);
  });

  test("but not another attempt's recorded work in the same folder", async () => {
    const other = filesystemSystem({ name: 'notes', root });
    const { effects } = await play(
      system,
      async () => {
        await play(other, async (handle) => {
          await handle.writeFile('a/one.txt', 'by the other');
          await handle.chmod('a/one.txt', 0o600);
          await handle.remove('a/deep', { recursive: true });
        });
        await writeFile(join(root, 'a/mine'), 'mine');
      },
      { declared: ['filesystem://notes/a'] },
    );
    await other.close();
    expect(effects.map(({ resource }) => resource)).toEqual(['filesystem://notes/a/mine']);
  });

  test('including results over the limit, by digest; a name without a path is only named', async () => {
    const small = filesystemSystem({ name: 'notes', root, fileBytesMax: 20 });
    const attempt = await play(
      small,
      async () => {
        await writeFile(join(root, 'a/one.txt'), 'longer than the stored maximum of a file');
        await writeFile(Buffer.concat([Buffer.from(`${root}/a/`), Buffer.from([0xff])]), 'no name for this');
        await writeFile(join(root, 'a/fine'), 'fine');
      },
      { declared: ['filesystem://notes/a'] },
    );
    await small.close();
    expect(attempt.effects.map(({ operation, resource }) => [operation, resource])).toEqual([
      ['create', 'filesystem://notes/a/fine'],
      ['write', 'filesystem://notes/a/one.txt'],
      ['unnamed', 'filesystem://notes/a'],
    ]);
    expect(outcomesOf((await undo(target, [attempt])).results)).toEqual(['restored']);
    expect(await readFile(join(root, 'a/one.txt'), 'utf8')).toBe('one two three');
  });

  test('and resources over the limit, foreign or invalid are refused', async () => {
    const small = filesystemSystem({ name: 'notes', root, watchedEntriesMax: 2 });
    await expect(small.capture({ source: 's', action: 'a', attempt: 1 }, ['filesystem://notes/a'])).rejects.toMatchObject({
      code: 'too_large',
    });
    await small.close();
    for (const resource of ['filesystem://other/a', 'postgres://notes/a', 'filesystem://notes/../a', 'filesystem://notes//a']) {
      await expect(system.capture({ source: 's', action: 'a', attempt: 1 }, [resource])).rejects.toMatchObject({
        code: 'resource_invalid',
      });
    }
    await expect(system.capture({ source: 's', action: 'a', attempt: 1 }, ['filesystem://notes/a/out/passwd'])).rejects.toMatchObject({
      code: 'capture_refused',
    });
  });
});

test('the store is private and cannot be inside the root', async () => {
  await play(system, (handle) => handle.writeFile('x', 'secret'));
  const store = join(parent, '.recant-images-notes');
  for (const [path, mode] of [
    ['', 0o700],
    ['key', 0o600],
    ['journal', 0o600],
    ['images', 0o700],
  ] as const) {
    expect((await lstat(join(store, path))).mode & 0o777).toBe(mode);
  }
  for (const inside of [join(root, 'store'), root, parent]) {
    await expect(
      filesystemSystem({ name: 'notes', root, store: inside }).capture({ source: 's', action: 'a', attempt: 1 }, []),
    ).rejects.toMatchObject({ code: 'options_invalid' });
  }
});

test('equal contents have equal versions on one system only: without its key nobody can guess small contents', async () => {
  const versionsOf = async (made: FilesystemSystem) => {
    const { effects } = await play(made, async (handle) => {
      await handle.writeFile('first', 'yes');
      await handle.writeFile('second', 'yes');
    });
    return effects.map(({ parts }) => parts.content?.after);
  };
  const other = await makeRoot();
  const elsewhere = filesystemSystem({ name: 'notes', root: other.root });
  try {
    const [mine, theirs] = [await versionsOf(system), await versionsOf(elsewhere)];
    expect(mine[0]).toBe(mine[1]);
    expect(new Set([...mine, ...theirs]).size).toBe(2);
    // A version is not a plain digest of its content either.
    const images = ['yes', hash('sha256', 'yes'), `content ${hash('sha256', 'yes')}`];
    const guesses = images.flatMap((image) =>
      ['sha256', 'md5', 'sha1'].map((name) => hash(name, image, 'buffer').subarray(0, 16).toString('base64url')),
    );
    expect(guesses).not.toContain(mine[0]?.replace(/^v1\./, ''));
  } finally {
    await elsewhere.close();
    await other.remove();
  }
});
