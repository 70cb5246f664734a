import { type ConnectionOptions, connectionOf } from './connection.ts';
import { KafkaError } from './error.ts';
import { explainRefusal } from './explain-refusal.ts';

const RETRIES = 3;
/** Metadata, version 10: the first with topic ids (Kafka 2.8); kafkajs 2.2.4 has versions up to 6. */
const METADATA = { apiKey: 3, apiVersion: 10, apiName: 'Metadata' };

/** Members of kafkajs's internals, which its type declarations omit; hence the double cast below. */
interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  readonly brokerPool: { findConnectedBroker(): Promise<Broker> };
}
interface Broker {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number } | undefined>>;
  readonly connectionPool: { send(exchange: object): Promise<Metadata> };
}
interface Metadata {
  /** Read by kafkajs. */
  readonly clientSideThrottleTime: number;
  readonly cluster: string;
  readonly topicId: string;
  readonly error: number;
}

/** Identity of the messages that offsets of a topic refer to: `<cluster id>/<topic id>`. A recreated cluster or topic has another one. */
export interface TopicIdentity {
  /** Asks a broker, on a connection that stays open. @throws KafkaError `unreachable`, `untrusted`, `access_refused` */
  read(): Promise<string>;
  close(): Promise<void>;
}

export function openTopicIdentity(options: ConnectionOptions, topic: string): TopicIdentity {
  let connected: Promise<Cluster> | undefined;
  const connect = async (): Promise<Cluster> => {
    const cluster = clusterOf(options);
    await cluster.connect();
    return cluster;
  };
  const close = async (): Promise<void> => {
    const cluster = connected;
    connected = undefined;
    await cluster?.then((each) => each.disconnect()).catch(() => {});
  };
  return {
    async read() {
      try {
        connected ??= connect();
        return await askFor(await connected, options, topic);
      } catch (cause) {
        await close();
        throw cause instanceof KafkaError ? cause : explainRefusal(cause, options);
      }
    },
    close,
  };
}

/** Connects for one request. @throws KafkaError `unreachable`, `untrusted`, `access_refused` */
export async function readTopicIdentity(options: ConnectionOptions, topic: string): Promise<string> {
  const identity = openTopicIdentity(options, topic);
  return identity.read().finally(() => identity.close());
}

async function askFor(cluster: Cluster, { brokers }: ConnectionOptions, topic: string): Promise<string> {
  const broker = await cluster.brokerPool.findConnectedBroker();
  if ((broker.versions[METADATA.apiKey]?.maxVersion ?? 0) < METADATA.apiVersion)
    throw new KafkaError('unreachable', `Kafka at ${brokers.join(', ')} is older than 2.8: update it`);
  const { cluster: id, topicId, error } = await broker.connectionPool.send(exchangeOf(topic));
  if (error !== 0) throw new KafkaError('unreachable', `topic ${topic} has no metadata (error ${error}): check the brokers`);
  return `${id}/${topicId}`;
}

function clusterOf(options: ConnectionOptions): Cluster {
  const kafka = connectionOf(options, RETRIES);
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster');
  if (symbol === undefined) throw new Error('kafka: no cluster to ask; expected kafkajs 2.2.4');
  const create = (kafka as unknown as Record<symbol, (settings: object) => Cluster>)[symbol];
  return (create as (settings: object) => Cluster)({ metadataMaxAge: 300_000, allowAutoTopicCreation: false });
}

function exchangeOf(topic: string): object {
  return {
    request: { ...METADATA, encode: async () => encoderOf(requestOf(topic)) },
    response: { decode: async (payload: Buffer) => parseMetadata(payload), parse: async (metadata: Metadata) => metadata },
  };
}

/** In the shape of kafkajs's encoder. */
function encoderOf(bytes: Buffer): object {
  return { buf: bytes, buffer: bytes };
}

/** The tagged fields of the header; one topic by name, without id; no automatic creation, no operations; tagged fields. */
function requestOf(topic: string): Buffer {
  const name = Buffer.from(topic);
  return Buffer.concat([Buffer.from([0, 2]), Buffer.alloc(16), uvarint(name.length + 1), name, Buffer.from([0, 0, 0, 0, 0])]);
}

function uvarint(value: number): Buffer {
  return value < 128 ? Buffer.from([value]) : Buffer.concat([Buffer.from([(value & 127) | 128]), uvarint(value >>> 7)]);
}

function parseMetadata(bytes: Buffer): Metadata {
  let at = 0;
  const length = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes.readUInt8(at++);
      value |= (byte & 127) << shift;
      if (byte < 128) return value - 1;
    }
  };
  const text = (): string => {
    const size = Math.max(0, length());
    at += size;
    return bytes.toString('utf8', at - size, at);
  };
  /** Kafka sends none of these in version 10, but may. */
  const tags = () => {
    for (let left = length() + 1; left > 0; left -= 1) {
      length();
      at += length() + 1;
    }
  };
  tags();
  at += 4;
  for (let left = length(); left > 0; left -= 1) {
    at += 4;
    text();
    at += 4;
    text();
    tags();
  }
  const cluster = text();
  at += 4;
  length();
  const error = bytes.readInt16BE(at);
  at += 2;
  text();
  return { clientSideThrottleTime: 0, cluster, error, topicId: bytes.subarray(at, at + 16).toString('base64url') };
}
