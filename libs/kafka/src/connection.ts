import { createRequire } from 'node:module';
import { Kafka, type KafkaConfig, type logCreator, logLevel, type SASLOptions } from 'kafkajs';

/** What pino offers: fields first, then the message. */
export interface KafkaLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface KafkaTls {
  /** PEM. Who signed the brokers' certificates; left out: who Node believes anyway. */
  readonly ca?: string;
  /** PEM. Shown to the brokers. */
  readonly cert?: string;
  readonly key?: string;
}

export interface KafkaLogin {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** How the brokers are spoken to; nothing of it: in the clear, as nobody. */
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
  stopIdleWakeUps();
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

/** kafkajs words everything that it recovers from as an error: it is a warning here, and what stops a partition is told apart by the consumer. */
function logTo(log: KafkaLog | undefined): logCreator {
  return () => (entry) => {
    const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = entry.log;
    if (entry.level <= logLevel.WARN && !CHATTY.has(entry.namespace)) log?.warn({ kafka: entry.namespace, ...fields }, message);
    else log?.debug({ kafka: entry.namespace, ...fields }, message);
  };
}

/** They word each try to connect, several a second while the broker is away; the consumer says what came of it. */
const CHATTY = new Set(['Connection', 'BrokerPool']);

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

let calm = false;

/**
 * kafkajs 2.2.4 re-arms a timer of `throttledUntil - now`, which is negative, on every idle connection: 890 wake-ups a second each.
 * Nothing has to be checked while nothing is pending; `push` arms the timer again.
 */
function stopIdleWakeUps(): void {
  if (calm) return;
  calm = true;
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  const schedule = queue.prototype.scheduleCheckPendingRequests;
  queue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
