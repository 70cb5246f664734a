import { createHash } from 'node:crypto';
import { type Effect, effectsDigest, encodeEvent, eventId, formatSequence, type RecantEvent, shardOf, uuidv7 } from '@recant/events';
import { deadLetterBody, encodeFrame, epochBody, genesisBody, originOf, type Signer } from '@recant/ledger';
import { ed25519Signer, encodeNote, Frontier, formatCheckpoint, formatVerifierKey, leafHash, signNote } from '@recant/transparency';
import type { BundleLogSource, BundleSource } from '../src/index.ts';
import { writeBundle } from '../src/index.ts';

export const LEDGER = 'recant.local/test';
export const TENANT = 'acme';
/** Time of the first entry. */
export const MADE = '2026-11-01T12:00:00.000Z';
/** Of every bundle: after any entry. */
const BUNDLED = '2027-11-01T12:00:00.000Z';
const START_MS = Date.parse(MADE);

/** A ledger key derived from one byte. */
export function testSigner(byte = 1, name = LEDGER): Signer & { note(text: string): Buffer } {
  const signer = ed25519Signer(name, new Uint8Array(32).fill(byte));
  return {
    name,
    vkey: formatVerifierKey(signer.key),
    sign: async (text) => signer.sign(Buffer.from(text).toString('utf8')),
    note: (text) => Buffer.from(encodeNote(signNote(text, [signer]))),
  };
}

/** One log in memory, as the ledger writes it; tests may change any part of it. */
export class MadeLog {
  readonly shard: number;
  readonly shards: number;
  readonly frames: Buffer[] = [];
  readonly letters: { index: bigint; bytes: Buffer }[] = [];
  readonly checkpoints: { size: bigint; note: Buffer }[] = [];
  readonly frontier = Frontier.empty();
  readonly signer: ReturnType<typeof testSigner>;
  epoch = 1;
  nowMs = START_MS;

  constructor(shard: number, shards: number, signer = testSigner()) {
    this.shard = shard;
    this.shards = shards;
    this.signer = signer;
    this.push('genesis', genesisBody({ epoch: 1, shard, shards, tenant: TENANT }), '');
  }

  push(kind: 'genesis' | 'event' | 'dead_letter' | 'epoch', body: Uint8Array, keyId = 'key1', tenant = TENANT): void {
    this.nowMs += 3;
    this.pushFrame(encodeFrame({ kind, tenant, keyId, receivedAtMs: this.nowMs, body }));
  }

  pushFrame(frame: Buffer): void {
    this.frames.push(frame);
    this.frontier.append([leafHash(frame)]);
  }

  event(event: RecantEvent): void {
    this.push('event', encodeEvent(event));
  }

  letter(bytes: Buffer): void {
    const digest = createHash('sha256').update(bytes).digest('hex');
    this.letters.push({ index: BigInt(this.frames.length), bytes });
    this.push(
      'dead_letter',
      deadLetterBody({ code: 'malformed_json', detail: 'not JSON', digest, origin: 'kafka:t/0/1', size: bytes.length }),
    );
  }

  openEpoch(epoch = this.epoch + 1): void {
    const root = this.frontier.root().toString('hex');
    const { shard, shards } = this;
    this.push('epoch', epochBody({ tenant: TENANT, shard, shards, epoch, start: this.frames.length, root, reason: 'restored' }));
    this.epoch = epoch;
  }

  get origin(): string {
    return originOf(LEDGER, { tenant: TENANT, shard: this.shard }, this.epoch);
  }

  /** Signs a checkpoint of the log's current size. */
  sign(): Buffer {
    const size = BigInt(this.frames.length);
    const note = this.signer.note(formatCheckpoint({ origin: this.origin, size, root: this.frontier.root() }));
    this.checkpoints.push({ size, note });
    return note;
  }

  source(from = 0n): BundleLogSource {
    const { shard, shards, epoch, origin, frames } = this;
    const start = Frontier.empty();
    start.append(frames.slice(0, Number(from)).map(leafHash));
    return {
      shard,
      shards,
      epoch,
      origin,
      from,
      size: BigInt(frames.length),
      start: start.serialize(),
      entries: () => each(frames.map((frame, n) => ({ index: BigInt(n), frame })).slice(Number(from))),
      checkpoints: () => each(this.checkpoints),
      deadLetters: () => each(this.letters.filter(({ index }) => index >= from)),
    };
  }
}

export async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

export function bundleSource(logs: readonly BundleLogSource[], more: Partial<BundleSource> = {}): BundleSource {
  return { ledger: LEDGER, tenant: TENANT, made: BUNDLED, query: {}, vkeys: [testSigner().vkey], logs, ...more };
}

export async function makeBundle(
  logs: readonly BundleLogSource[],
  more: Partial<BundleSource> = {},
  signer: Signer = testSigner(),
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of writeBundle(bundleSource(logs, more), signer)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A producer that numbers its events. */
export class Producer {
  readonly source: string;
  sequence = 0;
  #actions = 0;

  constructor(name: string) {
    this.source = `recant://acme/${name}`;
  }

  action(): string {
    this.#actions += 1;
    const random = createHash('sha256').update(`${this.source} ${this.#actions}`).digest().subarray(0, 16);
    return uuidv7(START_MS + this.#actions, random);
  }

  event(part: Pick<RecantEvent, 'id' | 'type' | 'data'>): RecantEvent {
    this.sequence += 1;
    const base = { specversion: '1.0', source: this.source, agent: 'agent-1', time: MADE, sequence: formatSequence(this.sequence) };
    return { ...base, ...part } as RecantEvent;
  }

  heartbeat(): RecantEvent {
    const n = this.sequence + 1;
    return this.event({ id: eventId.heartbeat(n), type: 'recant.source.heartbeat.v1', data: { nothingOlderThan: MADE } });
  }

  intended(action: string): RecantEvent {
    const data = {
      action,
      attempt: 1,
      tool: 'reprice',
      arguments: { inline: { note: 'größer "als" 1' } },
      resources: ['postgres://shop/public.orders/1'],
      reversibility: 'reversible',
      deadlineMs: 60_000,
      context: { session: 's1' },
    };
    return this.event({ id: eventId.intended(action, 1), type: 'recant.attempt.intended.v1', data } as never);
  }

  effects(action: string, effects: readonly Effect[], chunk = 0): RecantEvent {
    return this.event({
      id: eventId.effects(action, 1, chunk),
      type: 'recant.attempt.effects.v1',
      data: { action, attempt: 1, chunk, effects },
    });
  }

  settled(action: string, chunks: readonly (readonly Effect[])[]): RecantEvent {
    const counted = { chunks: chunks.length, effects: chunks.flat().length, digest: effectsDigest(chunks) };
    return this.event({
      id: eventId.settled(action, 1),
      type: 'recant.attempt.settled.v1',
      data: { action, attempt: 1, outcome: 'succeeded', ...counted, durationMs: 5 },
    });
  }

  /** What a target recorded of one transaction: an event for each list. */
  observed(transaction: string, chunks: readonly (readonly Effect[])[]): RecantEvent[] {
    const base = { action: this.action(), attempt: 1, system: 'shop', transaction, login: 'bot', agent: 'agent-1', from: MADE, to: MADE };
    return chunks.map((effects, chunk) => {
      const data = { ...base, chunk, chunks: chunks.length, effects };
      return this.event({ id: eventId.observed(data), type: 'recant.attempt.observed.v1', data });
    });
  }

  /** A whole attempt with two chunks of effects. */
  attempt(): RecantEvent[] {
    const action = this.action();
    const chunks = [[effect('1')], [effect('2'), effect('3')]];
    return [this.intended(action), ...chunks.map((effects, n) => this.effects(action, effects, n)), this.settled(action, chunks)];
  }
}

export function effect(ordinal: string): Effect {
  const versions = { before: 'v1.AAAAAAAAAAAAAAAAAAAAAA', after: 'v1.BBBBBBBBBBBBBBBBBBBBBB' };
  return { resource: `postgres://shop/public.orders/${ordinal}`, operation: 'update', ordinal, parts: { 'prix, "€"': versions } };
}

/** Names of sources whose home is the given shard. */
export function sourcesOf(shard: number, shards: number, count: number): Producer[] {
  const found: Producer[] = [];
  for (let n = 0; found.length < count; n += 1) {
    const producer = new Producer(`s${n}`);
    if (shardOf(TENANT, producer.source, shards) === shard) found.push(producer);
  }
  return found;
}

/** A sound log of the given size: several sources, dead letters, checkpoints at intervals and at its end. */
export function makeLog(shard: number, shards: number, size: number, signEvery = 50): MadeLog {
  const log = new MadeLog(shard, shards);
  const lanes = sourcesOf(shard, shards, 3).map((producer) => ({ producer, queue: [] as RecantEvent[] }));
  for (let n = 1; n < size; n += 1) {
    const lane = lanes[n % lanes.length] as (typeof lanes)[number];
    if (n % 17 === 5) log.letter(Buffer.from(`{ not json ${n}`));
    else {
      if (lane.queue.length === 0) lane.queue.push(lane.producer.heartbeat(), ...lane.producer.attempt());
      log.event(lane.queue.shift() as RecantEvent);
    }
    if (log.frames.length % signEvery === 0) log.sign();
  }
  if (log.checkpoints.at(-1)?.size !== BigInt(log.frames.length)) log.sign();
  return log;
}
