import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const BIN = fileURLToPath(new URL('../bin/recant.js', import.meta.url));
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recant-bin-'));
  await mkdir(join(dir, 'bin'));
  await mkdir(join(dir, 'src'));
  await cp(BIN, join(dir, 'bin/recant.js'));
  await writeFile(join(dir, 'package.json'), '{"type":"module"}');
  // Pretends to be an old Node: the launcher reads only its version.
  await writeFile(join(dir, 'old.cjs'), "Object.defineProperty(process.versions, 'node', { value: '12.22.0' });");
});
afterEach(() => rm(dir, { recursive: true }));

async function bundleNode(): Promise<void> {
  await mkdir(join(dir, 'node_modules/node/bin'), { recursive: true });
  await writeFile(join(dir, 'node_modules/node/package.json'), '{"name":"node"}');
  await writeFile(join(dir, 'node_modules/node/bin/node'), `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
}

const old = (...args: string[]): string[] => ['--require', join(dir, 'old.cjs'), join(dir, 'bin/recant.js'), ...args];

test('an old Node without the bundled one is an error that says what to install', async () => {
  await expect(promisify(execFile)(process.execPath, old('up'), { env: { PATH: process.env.PATH } })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/needs Node 24 .* got 12\.22\.0.*npm ci/),
  });
});

test('the launcher passes on arguments and exit code', async () => {
  await bundleNode();
  await writeFile(join(dir, 'src/main.ts'), 'process.stdout.write(process.argv.slice(2).join("|")); process.exitCode = 5;');
  await expect(promisify(execFile)(process.execPath, old('a b', '--c'))).rejects.toMatchObject({ code: 5, stdout: 'a b|--c' });
});

test('the program runs without the Maglev compiler, on an old Node and on a new one', async () => {
  await bundleNode();
  await writeFile(join(dir, 'node_modules/node/bin/node'), `#!/bin/sh\nexec ${process.execPath} --trace-opt "$@"\n`);
  await writeFile(
    join(dir, 'src/main.ts'),
    'const sum = (n) => { let s = 0; for (let i = 0; i < n; i += 1) s += i % 7; return s; }; let t = 0; for (let i = 0; i < 100_000; i += 1) t += sum(50);',
  );
  const runs = [old(), ['--trace-opt', join(dir, 'bin/recant.js')]];
  for (const args of runs) {
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 });
    // Functions of Node itself may have been compiled before the launcher ran.
    expect(stdout).toMatch(/JSFunction sum .*TURBOFAN/);
    expect(stdout).not.toMatch(/JSFunction sum .*MAGLEV/);
  }
});

test('compiled code is kept beside the packages and used by the next start, on an old Node and on a new one; without a place for it the program runs as well', async () => {
  await bundleNode();
  await writeFile(join(dir, 'src/main.ts'), "import { square } from './square.ts'; process.stdout.write(String(square(7)));");
  await writeFile(join(dir, 'src/square.ts'), 'export const square = (n: number): number => n * n;');
  const cache = join(dir, 'node_modules/.cache');
  const env = { PATH: process.env.PATH, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
  const start = (args: readonly string[]) => promisify(execFile)(process.execPath, args, { env });
  const used = /square\.ts.* accepted|accepted.*square\.ts/;
  for (const args of [old(), [join(dir, 'bin/recant.js')]]) {
    const first = await start(args);
    expect(first.stdout).toContain('49');
    expect(first.stdout + first.stderr).not.toMatch(used);
    expect(await readdir(join(cache, 'recant'))).not.toEqual([]);
    const second = await start(args);
    expect(second.stdout + second.stderr).toMatch(used);
    await rm(cache, { recursive: true });
    await writeFile(cache, 'no folder');
    expect(await start(args)).toMatchObject({ stdout: expect.stringContaining('49') });
    await rm(cache);
  }
});

test('a signal reaches the program, and its exit code comes back', async () => {
  await bundleNode();
  await writeFile(
    join(dir, 'src/main.ts'),
    "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); process.stdout.write('ready');",
  );
  const child = spawn(process.execPath, old(), { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  expect((await once(child, 'exit'))[0]).toBe(7);
});

test('a program killed by a signal ends the launcher by the same signal', async () => {
  await bundleNode();
  await writeFile(join(dir, 'src/main.ts'), "process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);");
  const child = spawn(process.execPath, old(), { stdio: 'ignore' });
  expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
});
