import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaConfig } from 'kafkajs';

/** A listener with TLS and passwords: the client chooses PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. */
export interface BrokerSecurity {
  /** PEM, for 127.0.0.1; the key is PKCS #8. */
  readonly cert: string;
  readonly key: string;
  /** PEM: the CA that signed `cert`. */
  readonly ca: string;
  /** PEM: if set, clients need a certificate signed by this CA. */
  readonly clientCa?: string;
  /** Password by user name, both of letters, digits and `-`. The broker itself uses the first one. */
  readonly users: Readonly<Record<string, string>>;
}

/** The storage tool writes these users' passwords into the cluster metadata when it formats the folder. */
export const SCRAM_MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const LISTENER = 'listener.name.sasl_ssl';

/** Additional broker properties. */
export function securityProperties(dir: string, { clientCa, users }: BrokerSecurity): Record<string, string> {
  const [[name, password] = ['', '']] = Object.entries(users);
  const known = Object.entries(users).map(([user, secret]) => `user_${user}="${secret}"`);
  return {
    // ACLs count where somebody made some.
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true',
    'super.users': `User:${name};User:ANONYMOUS`,
    'sasl.enabled.mechanisms': ['PLAIN', ...SCRAM_MECHANISMS].join(','),
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    [`${LISTENER}.plain.sasl.jaas.config`]: `org.apache.kafka.common.security.plain.PlainLoginModule required username="${name}" password="${password}" ${known.join(' ')};`,
    [`${LISTENER}.scram-sha-256.sasl.jaas.config`]: 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    [`${LISTENER}.scram-sha-512.sasl.jaas.config`]: 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': join(dir, 'broker.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': join(dir, 'trusted.pem'),
    // For SASL_SSL Kafka reads only the listener-prefixed property (KIP-684).
    [`${LISTENER}.ssl.client.auth`]: clientCa === undefined ? 'none' : 'required',
  };
}

/** Writes the files named in the properties, with mode 0600. */
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

/** Client options for this package's own requests. */
export function clientSecurity(
  security: BrokerSecurity | undefined,
  client?: { readonly cert: string; readonly key: string },
): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  if (security === undefined) return {};
  const [[username, password] = ['', '']] = Object.entries(security.users);
  return { ssl: { ca: security.ca, ...client }, sasl: { mechanism: 'plain', username, password } };
}
