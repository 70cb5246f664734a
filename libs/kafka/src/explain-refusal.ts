import { explainTls } from '@recant/api';
import type { ConnectionOptions } from './connection.ts';
import { KafkaError } from './error.ts';

const TLS = { trust: 'set RECANT_KAFKA_CA_FILE to its certificate', certificate: 'set RECANT_KAFKA_CERT_FILE and RECANT_KAFKA_KEY_FILE' };

/** Explains a failed connection in one line; never contains the password. */
export function explainRefusal(cause: unknown, { brokers, tls, sasl }: ConnectionOptions): KafkaError {
  const where = `Kafka at ${brokers.join(', ')}`;
  const untrusted = explainTls(cause, TLS);
  if (untrusted !== undefined) return new KafkaError('untrusted', `${where} cannot be trusted: ${untrusted}`, cause);
  const names = namesOf(cause);
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
  const reason = (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/g, ' ').trim();
  return new KafkaError('unreachable', `${where} is unreachable (${reason}): start it or correct KAFKA_BROKERS`, cause);
}

/** Bounds the walk: causes may be cyclic. */
const CAUSES_MAX = 8;

function namesOf(error: unknown): readonly string[] {
  const names: string[] = [];
  let each = error;
  for (let depth = 0; depth < CAUSES_MAX && each instanceof Error; depth++) {
    names.push(each.name);
    each = each.cause;
  }
  return names;
}
