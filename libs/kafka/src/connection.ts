import { createRequire } from 'node:module';
import { Kafka, type KafkaConfig, type logCreator, logLevel, type SASLOptions } from 'kafkajs';

/** pino's signature: fields first, then the message. */
export interface KafkaLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface KafkaTls {
  /** PEM. CA certificates for the brokers; default: Node's own. */
  readonly ca?: string;
  /** PEM. Client certificate. */
  readonly cert?: string;
  readonly key?: string;
}

export interface KafkaLogin {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** Default: no TLS, no authentication. */
export interface KafkaSecurity {
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaLogin;
}

export interface ConnectionOptions extends KafkaSecurity {
  readonly brokers: readonly string[];
  readonly clientId?: string;
  readonly log?: KafkaLog;
}

const CONNECT_MS_MAX = 5_000;
const REQUEST_MS_MAX = 30_000;

export function connectionOf(options: ConnectionOptions, retries = 5): Kafka {
  disableIdleTimers();
  return new Kafka({
    clientId: options.clientId ?? 'recant',
    brokers: [...options.brokers],
    connectionTimeout: CONNECT_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    retry: { initialRetryTime: 200, maxRetryTime: 5_000, retries },
    ...securityOf(options),
    logLevel: options.log ? logLevel.WARN : logLevel.NOTHING,
    logCreator: logTo(options.log),
  });
}

function securityOf({ tls, sasl }: KafkaSecurity): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  return { ...(tls && { ssl: { ...tls } }), ...(sasl && { sasl: { ...sasl } as SASLOptions }) };
}

/** kafkajs logs recoverable conditions as errors: they become warnings; the consumer itself logs an error when a partition stops. */
function logTo(log: KafkaLog | undefined): logCreator {
  return () => (entry) => {
    const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = entry.log;
    if (entry.level <= logLevel.WARN && !CHATTY.has(entry.namespace)) log?.warn({ kafka: entry.namespace, ...fields }, message);
    else log?.debug({ kafka: entry.namespace, ...fields }, message);
  };
}

/** These log every connection attempt, several a second while the broker is down; the consumer logs the outcome. */
const CHATTY = new Set(['Connection', 'BrokerPool']);

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

let isPatched = false;

/**
 * kafkajs 2.2.4 re-arms a timer of `throttledUntil - now`, which is negative, on every idle connection: 890 wake-ups a second each.
 * An empty queue needs no timer; `push` arms it again.
 */
function disableIdleTimers(): void {
  if (isPatched) return;
  isPatched = true;
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  const schedule = queue.prototype.scheduleCheckPendingRequests;
  queue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
