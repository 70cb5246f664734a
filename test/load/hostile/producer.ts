/**
 * A process of its own, started by stage.ts: sends all kinds to a topic at a rate, several requests in flight. What need not differ is encoded, compressed and summed
 * once, before the first message, so that the producer takes little from those whom it floods.
 */

import { type ApiKey, parseApiKey, shardOf } from '@recant/events';
import { createWorkload } from '../../bench/workload.ts';
import { elapse } from '../../faults/matrix/elapse.ts';
import { randomOf } from '../../faults/matrix/plan.ts';
import { CODECS } from './codecs.ts';
import { type HostileKeys, isRecorded, KINDS, type Kind, messageOf } from './kinds.ts';
import { openProduce } from './produce.ts';
import { type PreparedBatch, prepareBatch } from './record-batch.ts';

export interface ProducerOptions {
  readonly brokers: readonly string[];
  readonly seed: number;
  readonly partitions: number;
  /** Of what the broker acknowledges, aimed at. */
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
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
  /** Milliseconds of sending, and what the producer used of a processor. */
  ms: number;
  cpuMs: number;
}

const IN_FLIGHT_MAX = 64;
const PAUSE_MS = 5;
/** Of the batches with events, one in this many is the previous one again. */
const REPEAT_EVERY = 3;
/** Prepared batches of each kind, which take turns. */
const VARIANTS = 4;
/** What the broker was too slow for is made up for within this. */
const BEHIND_MS_MAX = 2_000;

const options = JSON.parse(process.argv[2] as string) as ProducerOptions;
const { seed, partitions } = options;
const keys: HostileKeys = {
  own: parseApiKey(options.ownKey) as ApiKey,
  ended: parseApiKey(options.endedKey) as ApiKey,
  honestKeyId: options.honestKeyId,
};

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

const UNREADABLE = new Set<string>([CODECS.gzipBomb.name, CODECS.zstdBomb.name, CODECS.snappyClaim.name, CODECS.notGzip.name]);
/** Kinds whose events the ledger must record: their batches are made as they are sent. */
const isFresh = (kind: Kind): boolean => isRecorded(kind) && !UNREADABLE.has(kind.codec.name);
function prepare(kind: Kind, event: () => Buffer): PreparedBatch {
  const messages = Array.from({ length: kind.messages }, () => messageOf(kind, keys, bytes, event, forged));
  return prepareBatch(messages, kind.codec, Date.now());
}
const anyEvent = workloadOf('mallory/any');
const prepared = KINDS.map((kind) =>
  Array.from({ length: VARIANTS }, () => prepare(kind, isFresh(kind) ? forged : () => Buffer.from(anyEvent.next().bytes))),
);
const accepted = KINDS.flatMap(({ n, codec }) => (UNREADABLE.has(codec.name) ? [] : (prepared[n] as PreparedBatch[])));
const meanOf = (of: (batch: PreparedBatch) => number): number =>
  accepted.reduce((sum, batch) => sum + of(batch), 0) / (KINDS.length * VARIANTS);
const batchesPerSecond = Math.max(
  options.messagesPerSecond / meanOf(({ messages }) => messages),
  options.bytesPerSecond / meanOf(({ size }) => size),
);
const produce = await openProduce(options.brokers[0] as string);

const sent = new Map<string, Sent>();
function sentTo(topic: string): Sent {
  const none: Sent = { messages: 0, bytes: 0, events: 0, repeats: 0, refused: 0, kinds: [], refusedKinds: [], ms: 0, cpuMs: 0 };
  const found = sent.get(topic) ?? none;
  sent.set(topic, found);
  return found;
}

/** Batches of one kind with events follow one another, so that these stay in order. */
interface Turn {
  readonly done: Promise<void>;
  readonly batch: PreparedBatch;
  isAcknowledged: boolean;
  readonly times: number;
}
const last = new Map<string, Turn>();

async function sendFresh(kind: Kind, topic: string, figures: Sent): Promise<void> {
  const name = `${topic} ${kind.n}`;
  const before = last.get(name);
  const { promise, resolve } = Promise.withResolvers<void>();
  const times = (before?.times ?? 0) + 1;
  const stream = streamOf(kind, topic);
  // Its place is taken before anything is awaited.
  const isAgain = times % REPEAT_EVERY === 0 && before !== undefined;
  const turn: Turn = { done: promise, batch: isAgain ? before.batch : prepare(kind, stream.next), isAcknowledged: false, times };
  last.set(name, turn);
  await before?.done;
  turn.isAcknowledged = await send(kind, topic, stream.partition, turn.batch, figures);
  if (turn.isAcknowledged) figures[isAgain && before.isAcknowledged ? 'repeats' : 'events'] += turn.batch.messages;
  resolve();
}

let variant = 0;
async function sendPrepared(kind: Kind, topic: string, figures: Sent): Promise<void> {
  variant += 1;
  const batch = (prepared[kind.n] as PreparedBatch[])[variant % VARIANTS] as PreparedBatch;
  await send(kind, topic, Math.floor(random() * partitions), batch, figures);
}

async function send({ n }: Kind, topic: string, partition: number, batch: PreparedBatch, figures: Sent): Promise<boolean> {
  const isAcknowledged = (await produce.send(topic, partition, batch.bytes)) === 0;
  const counts = isAcknowledged ? figures.kinds : figures.refusedKinds;
  counts[n] = (counts[n] ?? 0) + 1;
  if (isAcknowledged) {
    figures.messages += batch.messages;
    figures.bytes += batch.size;
  } else figures.refused += batch.messages;
  return isAcknowledged;
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

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

async function run(): Promise<void> {
  let fromMs = performance.now();
  let fromCpuMs = cpuMs();
  let aimed: string | undefined;
  for (;;) {
    await elapse(PAUSE_MS);
    if (isAsked) {
      isAsked = false;
      await Promise.all(running);
      if (aimed !== undefined) {
        sentTo(aimed).ms += performance.now() - fromMs;
        sentTo(aimed).cpuMs += cpuMs() - fromCpuMs;
      }
      [aimed, fromMs, fromCpuMs, turns] = [topic, performance.now(), cpuMs(), 0];
      process.send?.({ sent: Object.fromEntries(sent) });
    }
    if (aimed === undefined) continue;
    const figures = sentTo(aimed);
    const due = ((performance.now() - fromMs) / 1_000) * batchesPerSecond;
    for (; turns < due && running.size < IN_FLIGHT_MAX; turns += 1) {
      const kind = nextKind();
      const one: Promise<void> = (isFresh(kind) ? sendFresh : sendPrepared)(kind, aimed, figures).finally(() => running.delete(one));
      running.add(one);
    }
    turns = Math.max(turns, Math.floor(due - (batchesPerSecond * BEHIND_MS_MAX) / 1_000));
  }
}

process.on('message', ({ aim }: { aim: string | null }) => {
  topic = aim ?? undefined;
  isAsked = true;
});
process.on('disconnect', () => process.exit(0));
await run();
