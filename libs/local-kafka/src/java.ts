import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { LocalKafkaError } from './error.ts';

const run = promisify(execFile);
/** Minimum for Kafka 4 brokers. */
const JAVA_MAJOR_MIN = 17;

/** The `java` in JAVA_HOME, else on PATH. @throws LocalKafkaError `java_missing`, or `java_too_old` before Java 17 */
export async function findJava(env: NodeJS.ProcessEnv): Promise<string> {
  const java = env.JAVA_HOME ? resolve(env.JAVA_HOME, 'bin', 'java') : 'java';
  const output = await run(java, ['-version'], { env, timeout: 30_000 }).then(
    ({ stdout, stderr }) => stdout + stderr,
    (cause) => {
      const message = `Java not found (${java}): install the Debian package openjdk-17-jre-headless, or set KAFKA_BROKERS to a running Kafka`;
      throw new LocalKafkaError('java_missing', message, { cause });
    },
  );
  const major = javaMajor(output);
  if (major < JAVA_MAJOR_MIN) {
    const message = `${java}: expected Java ${JAVA_MAJOR_MIN} or later, got Java ${major}; install the Debian package openjdk-17-jre-headless, or set JAVA_HOME`;
    throw new LocalKafkaError('java_too_old', message);
  }
  return java;
}

/** Flags of every JVM started here. @param dir absolute @param jars folder of Kafka's jars, absolute */
export function javaFlags(dir: string, jars: string): string[] {
  return ['-XX:+UseSerialGC', `-Dlog4j2.configurationFile=${join(dir, 'log4j2.properties')}`, '-cp', `${jars}/*`];
}

/** `version "17.0.15"` is 17; `version "1.8.0_402"` is 8. */
export function javaMajor(versionOutput: string): number {
  const [, first = '0', second = '0'] = /version "(\d+)(?:\.(\d+))?/.exec(versionOutput) ?? [];
  return first === '1' ? Number(second) : Number(first);
}
