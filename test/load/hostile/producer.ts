/** A process of its own, started by stage.ts: sends all kinds to a topic at a rate, without waiting for anything but the broker. */

import { type ApiKey, parseApiKey, shardOf } from '@recant/events';
import kafkajs, { type Message } from 'kafkajs';
import { createWorkload } from '../../bench/workload.ts';
import { elapse } from '../../faults/matrix/elapse.ts';
import { randomOf } from '../../faults/matrix/plan.ts';
import { CODECS, compressing, installCodecs } from './codecs.ts';
import { type HostileKeys, isRecorded, KINDS, type Kind, messageOf } from './kinds.ts';

export interface ProducerOptions {
  readonly brokers: readonly string[];
  readonly seed: number;
  readonly partitions: number;
  /** Batches of all kinds together. */
  readonly kindsPerSecond: number;
  readonly ownKey: string;
  readonly endedKey: string;
  readonly honestKeyId: string;
}

/** What the broker acknowledged, of one topic. */
export interface Sent {
  messages: number;
  /** Of values, or of the compressed batch. */
  bytes: number;
  /** Distinct events that the ledger must record, and messages that repeat one. */
  events: number;
  repeats: number;
  /** Messages that the broker refused. */
  refused: number;
  /** Kinds of which a batch was acknowledged, and refused. */
  readonly kinds: number[];
  readonly refusedKinds: number[];
  /** Milliseconds of sending. */
  ms: number;
}

const IN_FLIGHT_MAX = 48;
const PAUSE_MS = 5;
/** Of the batches with events, one in this many is the previous one again. */
const REPEAT_EVERY = 3;

const options = JSON.parse(process.argv[2] as string) as ProducerOptions;
const { seed, partitions, kindsPerSecond } = options;
const keys: HostileKeys = {
  own: parseApiKey(options.ownKey) as ApiKey,
  ended: parseApiKey(options.endedKey) as ApiKey,
  honestKeyId: options.honestKeyId,
};
installCodecs();
const { Kafka, logLevel, Partitioners } = kafkajs;
const client = new Kafka({ brokers: [...options.brokers], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
const producer = client.producer({
  createPartitioner: Partitioners.DefaultPartitioner,
  allowAutoTopicCreation: false,
  retry: { retries: 0 },
});
await producer.connect();

const random = randomOf(seed);
const pool = Buffer.from(Uint32Array.from({ length: 524_288 }, () => random() * 2 ** 32).buffer);
const bytes = (size: number): Buffer => {
  const at = Math.floor(random() * (pool.length - size));
  return pool.subarray(at, at + size);
};
const workloadOf = (name: string) => createWorkload({ sources: 1, agents: 1, sourcePrefix: `recant://${name}`, seed, startMs: Date.now() });
const forgeries = workloadOf('honest0');
const forged = (): Buffer => Buffer.from(forgeries.next().bytes);

/** A workload of each kind and topic, because its events are recorded only if they all come in order and each once. */
interface Stream {
  readonly next: () => Buffer;
  readonly partition: number;
}
const streams = new Map<string, Stream>();
function streamOf(kind: Kind, topic: string): Stream {
  const name = `mallory/${kind.n}`;
  const key = `${topic} ${name}`;
  const found = streams.get(key);
  if (found !== undefined) return found;
  const workload = workloadOf(name);
  const first = workload.next();
  let pending: Buffer | undefined = Buffer.from(first.bytes);
  const next = (): Buffer => {
    const event = pending ?? Buffer.from(workload.next().bytes);
    pending = undefined;
    return event;
  };
  const stream = { next, partition: shardOf('mallory', first.source, partitions) };
  streams.set(key, stream);
  return stream;
}

const sent = new Map<string, Sent>();
function sentTo(topic: string): Sent {
  const found = sent.get(topic) ?? { messages: 0, bytes: 0, events: 0, repeats: 0, refused: 0, kinds: [], refusedKinds: [], ms: 0 };
  sent.set(topic, found);
  return found;
}

/** Batches of one kind follow one another: its events stay in order. */
const last = new Map<string, { done: Promise<void>; messages: Message[]; isAcknowledged: boolean; times: number }>();

async function send(kind: Kind, topic: string, figures: Sent): Promise<void> {
  const name = `${topic} ${kind.n}`;
  const before = last.get(name);
  await before?.done;
  const times = (before?.times ?? 0) + 1;
  const { codec } = kind;
  const stream = streamOf(kind, topic);
  const records = isRecorded(kind) && (codec === CODECS.none || !REFUSED_CODECS.has(codec.name));
  const isRepeated = records && before?.isAcknowledged === true && times % REPEAT_EVERY === 0;
  const partition = records ? stream.partition : Math.floor(random() * partitions);
  const make = () => ({ partition, ...messageOf(kind, keys, bytes, stream.next, forged) });
  const messages = isRepeated ? before.messages : Array.from({ length: kind.messages }, make);
  const done = compressing(codec, () => producer.send({ topic, acks: -1, compression: codec.type, messages })).then(
    (compressed) => {
      count(figures, kind, messages, compressed);
      if (records) figures[isRepeated ? 'repeats' : 'events'] += messages.length;
      return true;
    },
    () => {
      figures.refused += messages.length;
      figures.refusedKinds[kind.n] = (figures.refusedKinds[kind.n] ?? 0) + 1;
      return false;
    },
  );
  const entry = { done: done.then(() => {}), messages: records ? messages : [], isAcknowledged: false, times };
  last.set(name, entry);
  entry.isAcknowledged = await done;
}
const REFUSED_CODECS = new Set<string>([CODECS.gzipBomb.name, CODECS.zstdBomb.name, CODECS.snappyClaim.name, CODECS.notGzip.name]);

function count(figures: Sent, { n }: Kind, messages: readonly Message[], compressed: number): void {
  figures.messages += messages.length;
  figures.bytes += compressed > 0 ? compressed : messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  figures.kinds[n] = (figures.kinds[n] ?? 0) + 1;
}

let topic: string | undefined;
let isAsked = false;
let turns = 0;
let order: Kind[] = [];
const running = new Set<Promise<void>>();

function nextKind(): Kind {
  if (order.length === 0) {
    const keyed = KINDS.map((kind) => ({ kind, key: random() })).sort((one, other) => one.key - other.key);
    order = keyed.map(({ kind }) => kind);
  }
  return order.pop() as Kind;
}

async function run(): Promise<void> {
  let fromMs = performance.now();
  let aimed: string | undefined;
  for (;;) {
    await elapse(PAUSE_MS);
    if (isAsked) {
      isAsked = false;
      await Promise.all(running);
      if (aimed !== undefined) sentTo(aimed).ms += performance.now() - fromMs;
      [aimed, fromMs, turns] = [topic, performance.now(), 0];
      process.send?.({ sent: Object.fromEntries(sent) });
    }
    if (aimed === undefined) continue;
    const figures = sentTo(aimed);
    const nowMs = performance.now();
    const due = ((nowMs - fromMs) / 1_000) * kindsPerSecond;
    for (; turns < due && running.size < IN_FLIGHT_MAX; turns += 1) {
      const one: Promise<void> = send(nextKind(), aimed, figures).finally(() => running.delete(one));
      running.add(one);
    }
    // What the broker was too slow for is not made up for.
    if (running.size >= IN_FLIGHT_MAX) turns = Math.max(turns, Math.floor(due));
  }
}

process.on('message', ({ aim }: { aim: string | null }) => {
  topic = aim ?? undefined;
  isAsked = true;
});
process.on('disconnect', () => process.exit(0));
await run();
