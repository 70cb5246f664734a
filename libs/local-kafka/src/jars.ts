import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LocalKafkaError } from './error.ts';

const run = promisify(execFile);
const POM = fileURLToPath(new URL('../pom.xml', import.meta.url));
const CACHE = fileURLToPath(new URL('../lib', import.meta.url));
/** Enough for 43 MB on a slow connection. */
const FETCH_MS = 600_000;

/**
 * The folder with the jars of pom.xml, fetched once by Maven. It is named after the pom's digest and appears atomically by a rename; of
 * concurrent fetches, in this process or another, all but the first are discarded.
 */
export async function ensureJars(env: NodeJS.ProcessEnv, cache = CACHE): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(POM))
    .digest('hex')
    .slice(0, 12);
  const folder = join(cache, digest);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const building = await mkdtemp(join(cache, 'building-'));
  try {
    await fetchJars(building, env);
    await rename(building, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return folder;
}

async function fetchJars(target: string, env: NodeJS.ProcessEnv): Promise<void> {
  const goal = ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${target}`];
  try {
    await run('mvn', goal, { env, timeout: FETCH_MS });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new LocalKafkaError(
        'maven_missing',
        'Maven (mvn) not found: install the Debian package maven, or set KAFKA_BROKERS to a running Kafka',
        {
          cause,
        },
      );
    }
    throw new LocalKafkaError('jars_missing', `Maven could not fetch the Kafka jars: ${firstError(cause)}`, { cause });
  }
  const jars = await readdir(target);
  if (!jars.some((jar) => jar.startsWith('kafka_')))
    throw new LocalKafkaError('jars_missing', `Maven fetched no kafka_*.jar into ${target}`);
}

function firstError(cause: unknown): string {
  const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
  return (stdout + stderr).split('\n').find((line) => line.includes('ERROR')) ?? String(cause);
}
