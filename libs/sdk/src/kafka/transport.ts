import {
  eventMac,
  HEADER_KEY,
  HEADER_KIND,
  HEADER_MAC,
  HEADER_PART,
  HEADER_SALT,
  MEDIA_TYPE_EVENT,
  macSecretOf,
  parseApiKey,
  SHARDS_DEFAULT,
  shardOf,
  TOPIC_EVENTS,
} from '@recant/events';
import type { KafkaConfig, Message, Producer } from 'kafkajs';
import { type ApiKeySource, keyReader } from '../api-key.ts';
import { RecantError } from '../error.ts';
import { dataKeyAt } from '../http/data-key.ts';
import type { LedgerAddress } from '../http/request.ts';
import { standingAt } from '../http/standing.ts';
import { type Outgoing, type SendResult, type Transport, TransportError } from '../transport.ts';

export interface KafkaTransportOptions {
  readonly brokers: readonly string[];
  /** Brokers do not look at it: let a function give the new one before the old one ends. What comes under an ended key is a dead letter. */
  readonly apiKey: ApiKeySource;
  /**
   * Where the ledger listens over HTTP. Asked now and then: with it, what was acknowledged is sent again after an older copy was restored, and
   * personal contents are sealed under keys that it gives; without it they are masked.
   */
  readonly url?: string;
  /** Decides the partition together with the source; the ledger takes the tenant from the key. */
  readonly tenant?: string;
  /** Shards of the tenant's logs. */
  readonly shards?: number;
  readonly topic?: string;
  readonly clientId?: string;
  readonly ssl?: KafkaConfig['ssl'];
  readonly sasl?: KafkaConfig['sasl'];
  readonly requestTimeoutMs?: number;
}

/** Bytes of one request. kafkajs never splits, and a broker refuses a record batch over 1 MB (`max.message.bytes`) as a whole. */
export const REQUEST_BYTES_MAX = 900_000;
/** Bytes that headers, key and framing add to a value, at most. */
const RECORD_OVERHEAD_BYTES = 1_200;
const REQUEST_TIMEOUT_MS = 15_000;
/** Broker errors that the same bytes meet again. */
const TERMINAL = new Set(['MESSAGE_TOO_LARGE', 'TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'INVALID_RECORD']);

/**
 * Signed messages to the topic that the ledger reads; acknowledged by all in-sync replicas. Not idempotent on the wire: the ledger knows duplicates
 * by source and id. Needs `kafkajs` beside it.
 */
export function kafkaTransport(options: KafkaTransportOptions): Transport {
  const { apiKey } = options;
  if (typeof apiKey === 'string' && parseApiKey(apiKey) === undefined)
    throw new RecantError('options_invalid', 'apiKey must be recant_<id>_<secret>, or a function that gives it.');
  if (options.brokers.length === 0) throw new RecantError('options_invalid', 'brokers must name at least one host:port.');
  const { tenant = 'default', shards = SHARDS_DEFAULT, topic = TOPIC_EVENTS } = options;
  const readKey = keyReader(apiKey);
  let producer: Promise<Producer> | undefined;

  const messageOf = (keyId: string, macSecret: Uint8Array, { bytes, source, part, traceparent }: Outgoing): Message => ({
    key: source,
    value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    headers: {
      [HEADER_KEY]: keyId,
      [HEADER_MAC]: eventMac(macSecret, bytes),
      ...(part === undefined
        ? { 'content-type': MEDIA_TYPE_EVENT }
        : { [HEADER_KIND]: 'part', [HEADER_PART]: part.digest, [HEADER_SALT]: part.salt }),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  });

  /** Home shard; a topic of fewer partitions still keeps each source in one. */
  const partitioner = () => (at: { partitionMetadata: readonly unknown[]; message: Message }) =>
    shardOf(tenant, String(at.message.key), shards) % at.partitionMetadata.length;

  const connect = async (): Promise<Producer> => {
    const { Kafka, logLevel } = await import('kafkajs').catch((cause: unknown) => {
      throw new RecantError('options_invalid', 'kafkaTransport needs kafkajs: install it beside @recant/sdk.', { cause });
    });
    const kafka = new Kafka({
      clientId: options.clientId ?? 'recant-sdk',
      brokers: [...options.brokers],
      requestTimeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      logLevel: logLevel.NOTHING,
      // The lane retries, with the same bytes and for as long as it takes.
      retry: { retries: 1 },
      ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
      ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
    });
    const made = kafka.producer({
      createPartitioner: partitioner,
      allowAutoTopicCreation: false,
      idempotent: false,
      maxInFlightRequests: 1,
    });
    await made.connect();
    return made;
  };

  const sendRound = async (messages: Message[]): Promise<SendResult> => {
    try {
      producer ??= connect();
      const connected = await producer;
      await connected.sendBatch({ acks: -1, topicMessages: [{ topic, messages }] });
      return { kind: 'acknowledged' };
    } catch (error) {
      const type = brokerError(error);
      if (type !== undefined && TERMINAL.has(type)) return { kind: 'refused', code: type.toLowerCase(), detail: (error as Error).message };
      const broken = producer;
      producer = undefined;
      await broken?.then((one) => one.disconnect()).catch(() => {});
      throw new TransportError(`Kafka at ${options.brokers.join(', ')} did not take the events (${(error as Error).message})`, {
        cause: error,
      });
    }
  };

  return {
    ...(options.url === undefined ? {} : overHttp({ url: options.url, apiKey: options.apiKey })),
    async send(items) {
      const results: SendResult[] = [];
      const { keyId, secret } = await readKey();
      const macSecret = macSecretOf(secret);
      for (const round of roundsOf(items)) {
        const result = await sendRound(round.map((item) => messageOf(keyId, macSecret, item)));
        for (const _ of round) results.push(result);
      }
      return results;
    },
    async close() {
      const connected = producer;
      producer = undefined;
      await connected?.then((one) => one.disconnect()).catch(() => {});
    },
  };
}

/** What Kafka cannot answer. */
function overHttp(address: LedgerAddress): Pick<Transport, 'standing' | 'dataKey'> {
  return { standing: standingAt(address), dataKey: dataKeyAt(address) };
}

/** Requests in order, each under REQUEST_BYTES_MAX: whatever the partitions, none gets more. */
function* roundsOf(items: readonly Outgoing[]): Generator<readonly Outgoing[]> {
  let from = 0;
  let bytes = 0;
  for (const [index, { bytes: value }] of items.entries()) {
    const size = value.length + RECORD_OVERHEAD_BYTES;
    if (index > from && bytes + size > REQUEST_BYTES_MAX) {
      yield items.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < items.length) yield items.slice(from);
}

/** The broker's own name of an error, through kafkajs' wrapping. */
function brokerError(error: unknown): string | undefined {
  for (let at: unknown = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    const { type } = at as { type?: unknown };
    if (typeof type === 'string') return type;
  }
  return undefined;
}
