import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ensureJars } from '../src/jars.ts';
import { findJava, javaMajor } from '../src/java.ts';

/** An environment whose PATH contains only these scripts. */
async function pathWith(programs: Record<string, string>): Promise<{ env: NodeJS.ProcessEnv; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'recant-tools-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'bin'));
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, 'bin', name), 0o755);
  }
  return { env: { PATH: join(folder, 'bin') }, folder };
}

test('missing Java names the package to install', async () => {
  const { env } = await pathWith({});
  const missing = { code: 'java_missing', message: expect.stringContaining('openjdk-17-jre-headless') };
  await expect(findJava(env)).rejects.toMatchObject(missing);
});

test('Java before 17 is refused by its version', async () => {
  const { env } = await pathWith({ java: 'echo \'openjdk version "11.0.2" 2019-01-15\' >&2' });
  await expect(findJava(env)).rejects.toMatchObject({ code: 'java_too_old', message: expect.stringContaining('Java 11') });
});

test.for([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_402"', 8],
  ['openjdk version "21" 2023-09-19', 21],
  ['nothing', 0],
] as const)('the major version of %s is %i', ([output, major]) => {
  expect(javaMajor(output)).toBe(major);
});

test('missing Maven names the package to install, unless the jars were fetched before', async () => {
  const { env, folder } = await pathWith({});
  const cache = join(folder, 'cache');
  await expect(ensureJars(env, cache)).rejects.toMatchObject({ code: 'maven_missing', message: expect.stringContaining('package maven') });
  const fetched = await ensureJars(await fakeMaven(folder), cache);
  expect(await ensureJars(env, cache)).toBe(fetched);
});

test('concurrent fetches end with one complete folder', async () => {
  const { folder } = await pathWith({});
  const env = await fakeMaven(folder);
  const cache = join(folder, 'cache');
  const folders = await Promise.all([1, 2, 3].map(() => ensureJars(env, cache)));
  expect(new Set(folders).size).toBe(1);
  expect(await readdir(cache)).toHaveLength(1);
  expect(await readFile(join(folders[0] ?? '', 'kafka_2.13-0.jar'), 'utf8')).toBe('jar\n');
});

test('a failing Maven leaves no partial folder, and its error is shown', async () => {
  const { env, folder } = await pathWith({ mvn: 'echo "[ERROR] no route"; exit 1' });
  const cache = join(folder, 'cache');
  await expect(ensureJars(env, cache)).rejects.toMatchObject({ code: 'jars_missing', message: expect.stringContaining('no route') });
  expect(await readdir(cache)).toEqual([]);
});

async function fakeMaven(folder: string): Promise<NodeJS.ProcessEnv> {
  const bin = join(folder, 'maven');
  await mkdir(bin, { recursive: true });
  const script = `#!/bin/sh
for word in "$@"; do
  case "$word" in -DoutputDirectory=*) echo jar > "\${word#*=}/kafka_2.13-0.jar" ;; esac
done
`;
  await writeFile(join(bin, 'mvn'), script);
  await chmod(join(bin, 'mvn'), 0o755);
  return { PATH: bin };
}
