import { explainTls } from '@recant/api';
import type { ConnectionOptions } from './connection.ts';
import { KafkaError } from './error.ts';

const TLS = { trust: 'set RECANT_KAFKA_CA_FILE to its certificate', certificate: 'set RECANT_KAFKA_CERT_FILE and RECANT_KAFKA_KEY_FILE' };

/** Explains a failed connection in one line; never contains the password. */
export function explainRefusal(cause: unknown, { brokers, tls, sasl }: ConnectionOptions): KafkaError {
  const where = `Kafka at ${brokers.join(', ')}`;
  const untrusted = explainTls(cause, TLS);
  if (untrusted !== undefined) return new KafkaError('untrusted', `${where} cannot be trusted: ${untrusted}`, cause);
  const names = causesOf(cause).map(({ name }) => name);
  if (names.includes('KafkaJSSASLAuthenticationError')) {
    const message = `${where} rejected user ${sasl?.username} or its password (${sasl?.mechanism}): correct RECANT_KAFKA_USER, RECANT_KAFKA_PASSWORD_FILE or RECANT_KAFKA_SASL`;
    return new KafkaError('access_refused', message, cause);
  }
  // A broker that requires TLS or SASL closes the connection without an error message.
  if (names.includes('KafkaJSConnectionClosedError') && (tls === undefined || sasl === undefined)) {
    const missing = [
      ...(tls === undefined ? ['RECANT_KAFKA_TLS=1'] : []),
      ...(sasl === undefined ? ['RECANT_KAFKA_SASL with a user'] : []),
    ];
    return new KafkaError(
      'access_refused',
      `${where} closed the connection: if it requires TLS or a password, set ${missing.join(' and ')}`,
      cause,
    );
  }
  const reason = reasonOf(cause);
  if (isUnauthorized(cause)) {
    const message = `${where} refused access (${reason}): grant ${sasl?.username ?? 'this client'} that operation in the broker's ACLs`;
    return new KafkaError('access_refused', message, cause);
  }
  return new KafkaError('unreachable', `${where} is unreachable (${reason}): start it or correct KAFKA_BROKERS`, cause);
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/g, ' ').trim();

/** The broker's ACLs refuse what was asked. */
export function isUnauthorized(cause: unknown): boolean {
  return causesOf(cause).some(({ type }) => typeof type === 'string' && type.endsWith('_AUTHORIZATION_FAILED'));
}

/** Bounds the walk: causes may be cyclic. */
const CAUSES_MAX = 8;

/** kafkajs has the broker's error among the errors of an aggregate. */
function causesOf(error: unknown): readonly (Error & { readonly type?: unknown })[] {
  const causes: Error[] = [];
  const left = [error];
  for (let each = left.shift(); each instanceof Error && causes.length < CAUSES_MAX; each = left.shift()) {
    causes.push(each);
    left.push(each.cause, ...(((each as { errors?: unknown }).errors as unknown[] | undefined) ?? []));
  }
  return causes;
}
