import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brokerProperties, LOG4J_CONFIG } from './config.ts';
import { LocalKafkaError } from './error.ts';
import { runFormat } from './format.ts';
import { javaFlags } from './java.ts';
import { type BrokerSecurity, writeSecurity } from './security.ts';

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

/** Writes the configuration for this start's ports; formats the folder at its first start. */
export async function prepareBroker(place: BrokerPlace, signal: AbortSignal): Promise<void> {
  const { dir, java, jars } = place;
  await mkdir(dir, { recursive: true });
  await rm(join(dir, 'server.properties'), { force: true });
  await writeFile(join(dir, 'server.properties'), brokerProperties(place), { mode: 0o600 });
  await writeSecurity(dir, place.security);
  await writeFile(join(dir, 'log4j2.properties'), LOG4J_CONFIG);
  // Written last: a kill during formatting leaves no mark, and the next start formats the still empty folder again.
  const mark = join(dir, 'formatted');
  if (existsSync(mark)) return;
  await rm(join(dir, 'data'), { recursive: true, force: true });
  const clusterId = randomBytes(16).toString('base64url');
  await runFormat({ dir, java, jars, clusterId, users: place.security?.users ?? {}, signal }).catch(async (cause) => {
    throw await explainFailure(dir, `Kafka could not format its folder: ${(cause as { stderr?: string }).stderr?.trim() ?? cause}`);
  });
  await writeFile(mark, clusterId);
}

/** On Linux the kernel kills the broker when this process ends for any reason (setpriv --pdeathsig). */
export function spawnBroker({ dir, java, jars }: BrokerPlace): ChildProcess {
  const log = openSync(join(dir, 'broker.log'), 'a');
  const command = [java, `-Xmx${HEAP_MIB}m`, ...javaFlags(dir, jars), 'kafka.Kafka', join(dir, 'server.properties')];
  const tied = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
  const [file = '', ...args] = tied ? ['setpriv', '--pdeathsig', 'KILL', '--', ...command] : command;
  const child = spawn(file, args, { cwd: dir, stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

/** `disk_full` if the disk is, else `start_failed` with the last error in the broker's log, else with `otherwise`. */
export async function explainFailure(dir: string, otherwise: string): Promise<LocalKafkaError> {
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize < FREE_BYTES_MIN) {
    return new LocalKafkaError('disk_full', `No space left in ${dir}: free at least 200 MiB, or choose another folder`);
  }
  const log = await readFile(join(dir, 'broker.log'), 'utf8').catch(() => '');
  const line = log.split('\n').findLast((text) => / (ERROR|FATAL) /.test(text));
  return new LocalKafkaError('start_failed', line ? `Kafka did not start: ${line} (see ${join(dir, 'broker.log')})` : otherwise);
}
