import { macSecretOf, parseApiKey, SHARDS_DEFAULT, shardOf, TOPIC_EVENTS } from '@recant/events';
import type { Producer } from 'kafkajs';
import { keyReader } from '../api-key.ts';
import { RecantError } from '../error.ts';
import { askFenceAt } from '../http/ask-fence.ts';
import { dataKeyAt } from '../http/data-key.ts';
import { durabilityAt } from '../http/durability.ts';
import { leaseAt } from '../http/lease.ts';
import type { LedgerAddress } from '../http/request.ts';
import { type Outgoing, type SendResult, type Transport, TransportError } from '../transport.ts';
import { messageOf, type Packed, packed, requestsOf } from './messages.ts';
import type { KafkaTransportOptions } from './options.ts';
import { connectProducer } from './producer.ts';

const TOO_LARGE = 'MESSAGE_TOO_LARGE';
/** Broker errors that a retry with the same bytes cannot fix. */
const TERMINAL = new Set([TOO_LARGE, 'TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'INVALID_RECORD']);

/**
 * Sends signed messages to the ledger's topic, all waiting events in one; acknowledged by all in-sync replicas. The producer is not idempotent: the ledger detects duplicates by
 * source and id. Needs the package `kafkajs`. @throws RecantError `options_invalid`
 */
export function kafkaTransport(options: KafkaTransportOptions): Transport {
  const { apiKey, url, topic = TOPIC_EVENTS, tenant = 'default', shards = SHARDS_DEFAULT } = options;
  if (typeof apiKey === 'string' && parseApiKey(apiKey) === undefined)
    throw new RecantError('options_invalid', 'apiKey must be recant_<id>_<secret>, or a function that returns it.');
  if (options.brokers.length === 0) throw new RecantError('options_invalid', 'brokers must name at least one host:port.');
  const readKey = keyReader(apiKey);
  let producer: Promise<Producer> | undefined;

  const sendRequest = async (messages: readonly Packed[]): Promise<SendResult> => {
    const { keyId, secret } = await readKey();
    const macSecret = macSecretOf(secret);
    try {
      producer ??= connectProducer(options);
      const connected = await producer;
      await connected.sendBatch({
        acks: -1,
        topicMessages: [{ topic, messages: messages.map((items) => messageOf(keyId, macSecret, items)) }],
      });
      return { kind: 'acknowledged' };
    } catch (error) {
      const type = brokerErrorType(error);
      if (type !== undefined && TERMINAL.has(type)) return { kind: 'refused', code: type.toLowerCase(), detail: (error as Error).message };
      await disconnect();
      throw new TransportError(`Kafka at ${options.brokers.join(', ')} did not accept the events (${(error as Error).message})`, {
        cause: error,
      });
    }
  };

  /** A broker with a lower limit than ours refuses a whole request: its items are sent again in halves. */
  const sendAll = async (items: readonly Outgoing[]): Promise<SendResult[]> => {
    const results: SendResult[] = [];
    for (const request of requestsOf(packed(items, (source) => shardOf(tenant, source, shards)))) {
      const sent = request.flat();
      const result = await sendRequest(request);
      if (result.kind !== 'refused' || result.code !== TOO_LARGE.toLowerCase() || sent.length === 1) {
        results.push(...sent.map(() => result));
        continue;
      }
      const half = sent.length >> 1;
      results.push(...(await sendAll(sent.slice(0, half))), ...(await sendAll(sent.slice(half))));
    }
    return results;
  };

  const disconnect = async (): Promise<void> => {
    const connected = producer;
    producer = undefined;
    await connected?.then((one) => one.disconnect()).catch(() => {});
  };

  return {
    ...(url === undefined ? {} : overHttp({ url, apiKey })),
    send: sendAll,
    close: disconnect,
  };
}

/** The questions that Kafka cannot answer. */
function overHttp(address: LedgerAddress): Pick<Transport, 'durability' | 'dataKey' | 'lease' | 'askFence'> {
  return { durability: durabilityAt(address), dataKey: dataKeyAt(address), lease: leaseAt(address), askFence: askFenceAt(address) };
}

/** The broker's error type, found through the causes that kafkajs wraps around it. */
function brokerErrorType(error: unknown): string | undefined {
  for (let at: unknown = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    const { type } = at as { type?: unknown };
    if (typeof type === 'string') return type;
  }
  return undefined;
}
