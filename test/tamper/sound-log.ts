import type { RecantEvent } from '@recant/events';
import { MadeLog, type Producer, sourcesOf, testSigner } from '../../libs/verifier/test/make-ledger.ts';

const PART = { digest: 'cd'.repeat(32), salt: 'AAECAwQFBgcICQoLDA0ODw', size: 100_000 };

/** A sound log: three senders, attempts with effects in chunks, every second one's arguments as a part, dead letters, signed now and then. */
export function soundLog(shard: number, shards: number, size: number, signEvery: number): MadeLog {
  const log = new MadeLog(shard, shards, testSigner());
  const lanes = sourcesOf(shard, shards, 3).map((producer) => ({ producer, queue: [] as RecantEvent[] }));
  if (signEvery === 1) log.sign();
  for (let n = 1; n < size; n += 1) {
    const lane = lanes[n % lanes.length] as (typeof lanes)[number];
    if (n % 17 === 5) log.letter(Buffer.from(`{ not json ${n}`));
    else {
      if (lane.queue.length === 0) lane.queue.push(lane.producer.heartbeat(), ...attemptOf(lane.producer, n));
      log.event(lane.queue.shift() as RecantEvent);
    }
    if (log.frames.length % signEvery === 0) log.sign();
  }
  if (log.checkpoints.at(-1)?.size !== BigInt(log.frames.length)) log.sign();
  return log;
}

function attemptOf(producer: Producer, n: number): RecantEvent[] {
  const [intended, ...rest] = producer.attempt() as [RecantEvent, ...RecantEvent[]];
  if (n % 2 === 0) return [intended, ...rest];
  return [{ ...intended, data: { ...intended.data, arguments: { part: PART } } } as RecantEvent, ...rest];
}
