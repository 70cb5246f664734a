import type { Effect, RecantEvent } from '@recant/events';
import { examples } from '../../libs/events/test/examples.ts';
import { effect, MadeLog, makeBundle, type Producer, sourcesOf, testSigner } from '../../libs/verifier/test/make-ledger.ts';
import type { Chance } from './chance.ts';

const NUMBERS = [
  0,
  1,
  -1,
  0.1,
  -2.5e-7,
  1e21,
  1e-7,
  5e-324,
  1.7976931348623157e308,
  2 ** -44,
  2 ** 53,
  123456789012345680000,
  4.35,
  0.000001,
];
const TEXTS = ['', 'plain', 'größe "quoted" \\ /', '\u0001\u001f\u007f', '\b\t\n\f\r', '😀 𝄞', '\u2028\u2029\ufeff\ufffe', '<script>', 'é́'];

/** A sound bundle of random shape: logs that start in the middle, rotated keys, epochs, gaps, incomplete attempts, dead letters of all lengths. */
export async function randomBundle(chance: Chance): Promise<Buffer> {
  const shards = chance.of([1, 2, 4, 64, 4_096]);
  const count = Math.min(shards, chance.below(4));
  const from = chance.isOneIn(3) ? 1n + BigInt(chance.below(40)) : 0n;
  const all = [...new Set(Array.from({ length: count }, () => chance.below(Math.min(shards, 64))))].sort((a, b) => a - b);
  // A query names one log, or all from their beginning.
  const homes = from > 0n ? all.slice(0, 1) : all;
  const logs = homes.map((shard) => randomLog(shard, shards, chance, Number(from)));
  const begun = logs.map((log) => log.source(from < BigInt(log.frames.length) ? from : 0n));
  const vkeys = [testSigner(1).vkey, testSigner(2).vkey];
  const [first] = begun;
  if (first === undefined || (homes.length > 1 && from === 0n)) return makeBundle(begun, { vkeys });
  const query = { shard: first.shard, ...(first.from > 0n || chance.isOneIn(2) ? { from: String(first.from) } : {}) };
  return makeBundle(begun, { vkeys, query: from > 0n || chance.isOneIn(2) ? query : {} });
}

/** A log whose key can be rotated. */
class RotatableLog extends MadeLog {
  rotate(): void {
    Object.assign(this, { signer: testSigner(2) });
  }
}

function randomLog(shard: number, shards: number, chance: Chance, from: number): RotatableLog {
  const log = new RotatableLog(shard, shards, testSigner(1));
  const size = from + chance.of([0, 1, 2, 3, 10, 60, 200]);
  const producers = sourcesOf(shard, shards, shards > 64 ? 1 : 1 + chance.below(5)).map((producer) => ({
    producer,
    queue: [] as RecantEvent[],
  }));
  const signEvery = chance.of([1, 7, 64, 1_000]);
  while (log.frames.length < size) {
    const next = chance.of(producers);
    if (chance.isOneIn(12)) log.letter(randomLetter(chance));
    else if (chance.isOneIn(150)) log.openEpoch(log.epoch + 1 + chance.below(3));
    else if (chance.isOneIn(200)) log.rotate();
    else {
      if (next.queue.length === 0) next.queue.push(...randomEvents(next.producer, chance));
      const event = next.queue.shift();
      if (event !== undefined) log.event(event);
    }
    log.nowMs += chance.of([0, 0, 1, 60_000]);
    if (log.frames.length % signEvery === 0) sign(log);
  }
  sign(log);
  return log;
}

function sign(log: MadeLog): void {
  if (log.checkpoints.at(-1)?.size !== BigInt(log.frames.length)) log.sign();
}

function randomLetter(chance: Chance): Buffer {
  if (chance.isOneIn(400)) return Buffer.alloc(chance.of([1_048_568, 1_048_569, 2_200_000]), 0x61);
  return Buffer.alloc(chance.of([0, 1, 20, 5_000]), 0x7b);
}

/** The next events of a sender; some are lost. */
function randomEvents(producer: Producer, chance: Chance): RecantEvent[] {
  const events = chance.isOneIn(3)
    ? [example(producer, chance)]
    : chance.isOneIn(4)
      ? producer.observed(`${chance.below(3)}/${producer.sequence}`, chunksOf(1 + chance.below(3), chance))
      : attempt(producer, chance);
  return events.filter(() => !chance.isOneIn(40));
}

const examplesOf = new WeakMap<Producer, Set<string>>();

/** Each example once per sender: a repeated one would be a duplicate event. */
function example(producer: Producer, chance: Chance): RecantEvent {
  const { event } = chance.of(examples);
  const used = examplesOf.get(producer) ?? new Set();
  examplesOf.set(producer, used);
  if (event.type === 'recant.source.heartbeat.v1' || used.has(event.id)) return producer.heartbeat();
  used.add(event.id);
  return producer.event({ id: event.id, type: event.type, data: event.data } as never);
}

function attempt(producer: Producer, chance: Chance): RecantEvent[] {
  const action = producer.action();
  const chunks = chunksOf(chance.below(4), chance);
  const intended = producer.intended(action);
  const inline = { [chance.of(TEXTS)]: chance.of(NUMBERS), list: [chance.of(TEXTS), chance.of(NUMBERS), { [chance.of(TEXTS)]: null }] };
  const own = { ...intended, data: { ...intended.data, arguments: { inline } } } as RecantEvent;
  return [own, ...chunks.map((effects, n) => producer.effects(action, effects, n)), producer.settled(action, chunks)];
}

function chunksOf(length: number, chance: Chance): Effect[][] {
  return Array.from({ length }, () => Array.from({ length: chance.below(5) }, () => randomEffect(chance)));
}

function randomEffect(chance: Chance): Effect {
  return { ...effect(String(chance.below(1_000_000))), reads: { 'größe 😀': null } };
}
