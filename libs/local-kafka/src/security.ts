import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaConfig } from 'kafkajs';

/** A listener that speaks TLS and asks for a password: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, whichever the client likes. */
export interface BrokerSecurity {
  /** PEM, for 127.0.0.1; the key is PKCS #8. */
  readonly cert: string;
  readonly key: string;
  /** PEM: who signed it. */
  readonly ca: string;
  /** PEM: only clients with a certificate under it are let in. */
  readonly clientCa?: string;
  /** Password by name; names and passwords of letters, digits and `-`. The first one is the broker's own too. */
  readonly users: Readonly<Record<string, string>>;
}

/** The storage tool writes these users' passwords into the cluster metadata when it formats the folder. */
export const SCRAM_MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const LISTENER = 'listener.name.sasl_ssl';

/** Properties beside those of a broker without security. */
export function securityProperties(dir: string, { clientCa, users }: BrokerSecurity): Record<string, string> {
  const [[name, password] = ['', '']] = Object.entries(users);
  const known = Object.entries(users).map(([user, secret]) => `user_${user}="${secret}"`);
  return {
    'sasl.enabled.mechanisms': ['PLAIN', ...SCRAM_MECHANISMS].join(','),
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    [`${LISTENER}.plain.sasl.jaas.config`]: `org.apache.kafka.common.security.plain.PlainLoginModule required username="${name}" password="${password}" ${known.join(' ')};`,
    [`${LISTENER}.scram-sha-256.sasl.jaas.config`]: 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    [`${LISTENER}.scram-sha-512.sasl.jaas.config`]: 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': join(dir, 'broker.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': join(dir, 'trusted.pem'),
    // Kafka heeds it for SASL_SSL only with the listener's name (KIP-684).
    [`${LISTENER}.ssl.client.auth`]: clientCa === undefined ? 'none' : 'required',
  };
}

/** What the properties name, readable by this user only. */
export async function writeSecurity(dir: string, security: BrokerSecurity | undefined): Promise<void> {
  const files = {
    'broker.pem': security && security.key + security.cert,
    'trusted.pem': security && security.ca + (security.clientCa ?? ''),
  };
  for (const [name, text] of Object.entries(files)) {
    await rm(join(dir, name), { force: true });
    if (text !== undefined) await writeFile(join(dir, name), text, { mode: 0o600 });
  }
}

/** For this package's own questions to the broker. */
export function clientSecurity(
  security: BrokerSecurity | undefined,
  client?: { readonly cert: string; readonly key: string },
): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  if (security === undefined) return {};
  const [[username, password] = ['', '']] = Object.entries(security.users);
  return { ssl: { ca: security.ca, ...client }, sasl: { mechanism: 'plain', username, password } };
}
