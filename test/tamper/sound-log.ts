import type { RecantEvent } from '@recant/events';
import { MadeLog, type Producer, sourcesOf, testSigner } from '../../libs/verifier/test/make-ledger.ts';

const PART = { digest: 'cd'.repeat(32), salt: 'AAECAwQFBgcICQoLDA0ODw', size: 100_000 };

/** A sound log: three senders, attempts with chunked effects, every second with arguments as a part, dead letters, checkpoints at intervals. */
export function soundLog(shard: number, shards: number, size: number, signEvery: number): MadeLog {
  const log = new MadeLog(shard, shards, testSigner());
  const producers = sourcesOf(shard, shards, 3).map((producer) => ({ producer, queue: [] as RecantEvent[] }));
  if (signEvery === 1) log.sign();
  for (let n = 1; n < size; n += 1) {
    const next = producers[n % producers.length] as (typeof producers)[number];
    if (n % 17 === 5) log.letter(Buffer.from(`{ not json ${n}`));
    else {
      if (next.queue.length === 0) next.queue.push(next.producer.heartbeat(), ...attemptOf(next.producer, n));
      log.event(next.queue.shift() as RecantEvent);
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
