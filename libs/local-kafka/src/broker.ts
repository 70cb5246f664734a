import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brokerProperties, LOG4J_CONFIG } from './config.ts';
import { LocalKafkaError } from './error.ts';
import { type BrokerSecurity, scramArguments, writeSecurity } from './security.ts';

const run = promisify(execFile);
const HEAP_MIB = 256;
const FREE_BYTES_MIN = 64 * 1024 * 1024;

export interface BrokerPlace {
  dir: string;
  java: string;
  jars: string;
  brokerPort: number;
  controllerPort: number;
  security?: BrokerSecurity | undefined;
}

/** Writes the configuration for the ports of this start, and formats the folder the first time. */
export async function prepareBroker(place: BrokerPlace, signal: AbortSignal): Promise<void> {
  const { dir, java, jars } = place;
  await mkdir(dir, { recursive: true });
  await rm(join(dir, 'server.properties'), { force: true });
  await writeFile(join(dir, 'server.properties'), brokerProperties(place), { mode: 0o600 });
  await writeSecurity(dir, place.security);
  await writeFile(join(dir, 'log4j2.properties'), LOG4J_CONFIG);
  // The mark comes last: a folder whose formatting was cut short is formatted anew, there is nothing in it yet.
  const mark = join(dir, 'formatted');
  if (existsSync(mark)) return;
  await rm(join(dir, 'data'), { recursive: true, force: true });
  const clusterId = randomBytes(16).toString('base64url');
  const format = [...javaFlags(dir, jars), 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', join(dir, 'server.properties')];
  format.push(...scramArguments(place.security));
  await run(java, format, { cwd: dir, signal, killSignal: 'SIGKILL' }).catch(async (cause) => {
    throw await explainFailure(dir, `Kafka's folder could not be formatted: ${(cause as { stderr?: string }).stderr?.trim() ?? cause}`);
  });
  await writeFile(mark, clusterId);
}

/** On Linux the kernel ends the broker with this process, however this one ends. */
export function spawnBroker({ dir, java, jars }: BrokerPlace): ChildProcess {
  const log = openSync(join(dir, 'broker.log'), 'a');
  const command = [java, `-Xmx${HEAP_MIB}m`, ...javaFlags(dir, jars), 'kafka.Kafka', join(dir, 'server.properties')];
  const tied = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
  const [file = '', ...args] = tied ? ['setpriv', '--pdeathsig', 'KILL', ...command] : command;
  const child = spawn(file, args, { cwd: dir, stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

function javaFlags(dir: string, jars: string): string[] {
  return ['-XX:+UseSerialGC', `-Dlog4j2.configurationFile=${join(dir, 'log4j2.properties')}`, '-cp', `${jars}/*`];
}

/** The disk is asked first, then the broker's own log. */
export async function explainFailure(dir: string, otherwise: string): Promise<LocalKafkaError> {
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize < FREE_BYTES_MIN) {
    return new LocalKafkaError('disk_full', `No space left in ${dir}: free at least 200 MiB, or choose another folder`);
  }
  const log = await readFile(join(dir, 'broker.log'), 'utf8').catch(() => '');
  const line = log.split('\n').findLast((text) => / (ERROR|FATAL) /.test(text));
  return new LocalKafkaError('start_failed', line ? `Kafka does not start: ${line} (see ${join(dir, 'broker.log')})` : otherwise);
}
