import { explainTls } from '@recant/api';
import type { ConnectionOptions } from './connection.ts';
import { KafkaError } from './error.ts';

const TLS = { trust: 'set RECANT_KAFKA_CA_FILE to its certificate', certificate: 'set RECANT_KAFKA_CERT_FILE and RECANT_KAFKA_KEY_FILE' };

/** Why the brokers do not talk to us, in one line that says what to do; never with the password. */
export function explainRefusal(cause: unknown, { brokers, tls, sasl }: ConnectionOptions): KafkaError {
  const where = `Kafka at ${brokers.join(', ')}`;
  const untrusted = explainTls(cause, TLS);
  if (untrusted !== undefined) return new KafkaError('untrusted', `${where} cannot be trusted: ${untrusted}`, cause);
  const names = namesOf(cause);
  if (names.includes('KafkaJSSASLAuthenticationError')) {
    const message = `${where} refused the user ${sasl?.username} or the password (${sasl?.mechanism}): correct RECANT_KAFKA_USER, RECANT_KAFKA_PASSWORD_FILE or RECANT_KAFKA_SASL`;
    return new KafkaError('access_refused', message, cause);
  }
  // A broker says no more than this to who speaks without TLS or password where it wants them.
  if (names.includes('KafkaJSConnectionClosedError') && (tls === undefined || sasl === undefined)) {
    const missing = [
      ...(tls === undefined ? ['RECANT_KAFKA_TLS=1'] : []),
      ...(sasl === undefined ? ['RECANT_KAFKA_SASL with a user'] : []),
    ];
    return new KafkaError(
      'access_refused',
      `${where} closed the connection: if it wants TLS or a password, set ${missing.join(' and ')}`,
      cause,
    );
  }
  const reason = (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/g, ' ').trim();
  return new KafkaError('unreachable', `${where} does not answer (${reason}): start it or correct KAFKA_BROKERS`, cause);
}

/** Causes followed, should they go in circles. */
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
