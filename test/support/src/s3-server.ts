import { execFile, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PLACE = fileURLToPath(new URL('../s3/', import.meta.url));
const POM = join(PLACE, 'pom.xml');
const LOGBACK = join(PLACE, 'logback.xml');
/** 19 MB over a slow line. */
const FETCH_MS = 600_000;
const START_MS = 120_000;
const HEAP_MIB = 128;

export interface S3Address {
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface RunningS3 extends S3Address {
  stop(): Promise<void>;
}

/** An S3 server that verifies SigV4 and stores objects in memory, on a free port, for the lifetime of this process. Needs Java and Maven. */
export async function startS3(): Promise<RunningS3> {
  const jars = await ensureJars();
  const account = { region: 'us-east-1', accessKeyId: 'recant-test', secretAccessKey: 'a secret of nobody' };
  const dir = await mkdtemp(join(tmpdir(), 'recant-s3-'));
  const properties = join(dir, 's3.properties');
  await writeFile(properties, propertiesOf(account));
  const flags = [`-Xmx${HEAP_MIB}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Dlogback.configurationFile=${LOGBACK}`];
  const command = ['java', ...flags, '-cp', `${jars}/*`, 'org.gaul.s3proxy.Main', '--properties', properties];
  // On Linux the kernel kills it when this process ends, however that happens.
  const tied = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
  const [file = '', ...args] = tied ? ['setpriv', '--pdeathsig', 'KILL', '--', ...command] : command;
  const server = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>((done) => server.once('exit', () => done()).once('error', () => done()));
  const stop = async (): Promise<void> => {
    server.kill('SIGKILL');
    await ended;
  };
  try {
    const port = await portIn(server.stdout, server.stderr, ended);
    return { ...account, endpoint: `http://127.0.0.1:${port}`, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    // Read at start; the server writes no other files.
    await rm(dir, { recursive: true, force: true });
  }
}

function propertiesOf({ accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string }): string {
  const properties = {
    's3proxy.endpoint': 'http://127.0.0.1:0',
    's3proxy.authorization': 'aws-v4',
    's3proxy.identity': accessKeyId,
    's3proxy.credential': secretAccessKey,
    'jclouds.provider': 'transient-nio2',
    'jclouds.identity': 'memory',
    'jclouds.credential': 'memory',
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Reads the port from the log line of the server. */
function portIn(out: NodeJS.ReadableStream, err: NodeJS.ReadableStream, ended: Promise<void>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const heard = (chunk: Buffer): void => {
      text = (text + chunk.toString()).slice(-8_192);
      const port = /Started ServerConnector.*\{127\.0\.0\.1:(\d+)\}/.exec(text)?.[1];
      if (port !== undefined) resolve(port);
    };
    out.on('data', heard);
    err.on('data', heard);
    const fail = (what: string): void =>
      reject(new Error(`The S3 server ${what}: ${text.trim() || 'is Java 17 installed (openjdk-17-jre-headless)?'}`));
    setTimeout(() => fail('does not start'), START_MS).unref();
    void ended.then(() => fail('ended'));
  });
}

/** Like `libs/local-kafka`: a folder named after the pom's digest, created by a rename. */
async function ensureJars(): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(POM))
    .digest('hex')
    .slice(0, 12);
  const folder = join(PLACE, 'lib', digest);
  if (existsSync(folder)) return folder;
  await mkdir(join(PLACE, 'lib'), { recursive: true });
  const building = await mkdtemp(join(PLACE, 'lib', 'building-'));
  try {
    const goal = ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${building}`];
    await run('mvn', goal, { timeout: FETCH_MS }).catch((cause) => {
      throw new Error("Maven could not fetch the S3 server (is Debian's package maven installed?)", { cause });
    });
    if (!(await readdir(building)).some((jar) => jar.startsWith('s3proxy-'))) throw new Error('Maven fetched no S3 server');
    await rename(building, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return folder;
}
