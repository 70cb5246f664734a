import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LocalKafkaError } from './error.ts';

const run = promisify(execFile);
/** Kafka 4 brokers need it. */
const JAVA_MAJOR_MIN = 17;

/** The `java` of JAVA_HOME, else of PATH, if it is new enough. */
export async function findJava(env: NodeJS.ProcessEnv): Promise<string> {
  const java = env.JAVA_HOME ? `${env.JAVA_HOME}/bin/java` : 'java';
  const output = await run(java, ['-version'], { env, timeout: 30_000 }).then(
    ({ stdout, stderr }) => stdout + stderr,
    (cause) => {
      const message = `Java is missing (${java}): install Debian's package openjdk-17-jre-headless, or set KAFKA_BROKERS to a running Kafka`;
      throw new LocalKafkaError('java_missing', message, { cause });
    },
  );
  const major = javaMajor(output);
  if (major < JAVA_MAJOR_MIN) {
    const message = `${java} is Java ${major}, Kafka needs ${JAVA_MAJOR_MIN}: install Debian's package openjdk-17-jre-headless, or set JAVA_HOME`;
    throw new LocalKafkaError('java_too_old', message);
  }
  return java;
}

/** `version "17.0.15"` is 17; `version "1.8.0_402"` is 8. */
export function javaMajor(versionOutput: string): number {
  const [, first = '0', second = '0'] = /version "(\d+)(?:\.(\d+))?/.exec(versionOutput) ?? [];
  return first === '1' ? Number(second) : Number(first);
}
