import { z } from 'zod';
import { ConfigError, KafkaBrokers } from './config.ts';
import { readPem } from './tls.ts';

const file = z.string().min(1).optional();

/** Environment of a Kafka client. */
export const KAFKA_ENV = {
  KAFKA_BROKERS: KafkaBrokers.optional(),
  RECANT_KAFKA_TLS: z.enum(['0', '1'], 'must be 1 or unset').optional(),
  RECANT_KAFKA_CA_FILE: file,
  RECANT_KAFKA_CERT_FILE: file,
  RECANT_KAFKA_KEY_FILE: file,
  RECANT_KAFKA_SASL: z.enum(['plain', 'scram-sha-256', 'scram-sha-512'], 'must be plain, scram-sha-256 or scram-sha-512').optional(),
  RECANT_KAFKA_USER: z.string().min(1).optional(),
  RECANT_KAFKA_PASSWORD_FILE: file,
};

type KafkaEnv = z.output<z.ZodObject<typeof KAFKA_ENV>>;

/** The connection options of `@recant/kafka`. */
export interface KafkaAccess {
  readonly brokers: readonly string[];
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: { readonly mechanism: NonNullable<KafkaEnv['RECANT_KAFKA_SASL']>; readonly username: string; readonly password: string };
}

/** Undefined without KAFKA_BROKERS. @throws ConfigError naming all problems */
export function kafkaAccessOf(env: KafkaEnv): KafkaAccess | undefined {
  const brokers = env.KAFKA_BROKERS;
  if (brokers === undefined) return undefined;
  const problems = problemsOf(env);
  if (problems.length > 0) throw new ConfigError(problems);
  const pem = (name: 'RECANT_KAFKA_CA_FILE' | 'RECANT_KAFKA_CERT_FILE' | 'RECANT_KAFKA_KEY_FILE') =>
    env[name] === undefined ? undefined : readPem(name, env[name]);
  const [ca, cert, key] = [pem('RECANT_KAFKA_CA_FILE'), pem('RECANT_KAFKA_CERT_FILE'), pem('RECANT_KAFKA_KEY_FILE')];
  const { RECANT_KAFKA_SASL: mechanism, RECANT_KAFKA_USER: username, RECANT_KAFKA_PASSWORD_FILE: passwordFile } = env;
  return {
    brokers,
    ...(env.RECANT_KAFKA_TLS === '1' ? { tls: { ...(ca && { ca }), ...(cert && key && { cert, key }) } } : {}),
    ...(mechanism && username && passwordFile ? { sasl: { mechanism, username, password: readPassword(passwordFile) } } : {}),
  };
}

function problemsOf(env: KafkaEnv): string[] {
  const problems: string[] = [];
  const together = (names: readonly (keyof KafkaEnv)[]) => {
    const given = names.filter((name) => env[name] !== undefined);
    if (given.length > 0 && given.length < names.length)
      problems.push(`${names.filter((name) => env[name] === undefined).join(' and ')} missing: required with ${given.join(' and ')}`);
  };
  together(['RECANT_KAFKA_CERT_FILE', 'RECANT_KAFKA_KEY_FILE']);
  together(['RECANT_KAFKA_SASL', 'RECANT_KAFKA_USER', 'RECANT_KAFKA_PASSWORD_FILE']);
  if (env.RECANT_KAFKA_TLS !== '1') {
    if (env.RECANT_KAFKA_CA_FILE !== undefined || env.RECANT_KAFKA_CERT_FILE !== undefined)
      problems.push('RECANT_KAFKA_TLS is missing: set it to 1 to use certificates');
    if (env.RECANT_KAFKA_SASL === 'plain')
      problems.push('RECANT_KAFKA_SASL: plain would send the password unencrypted; set RECANT_KAFKA_TLS=1 or use scram-sha-512');
  }
  return problems;
}

/** The only line of the file, without its line end. */
function readPassword(path: string): string {
  const password = readPem('RECANT_KAFKA_PASSWORD_FILE', path).replace(/\r?\n$/, '');
  if (password === '' || /[\r\n]/.test(password))
    throw new ConfigError([`RECANT_KAFKA_PASSWORD_FILE: expected exactly one line in ${path}`]);
  return password;
}
