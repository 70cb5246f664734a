import { type ApiKey, decodeEvent, parseApiKey, shardOf } from '@recant/events';
import { batchMessage, type EventProducer } from '@recant/kafka';
import { createWorkload, type Workload } from '../../bench/workload.ts';
import { elapse } from './elapse.ts';

/** One source, as an SDK sends it: one event after the other, each until it is acknowledged, keeping what a restored ledger may ask for again. */
export interface Sender {
  readonly tenant: string;
  readonly source: string;
  readonly overKafka: boolean;
  /** Ids in the order of sending. */
  readonly acknowledged: readonly string[];
  /** Sends `count` events, or until `stop`. Resolves when all that was sent is acknowledged. */
  send(count?: number): Promise<void>;
  stop(): void;
}

/** What the load observed. Times are monotonic milliseconds. */
export interface Observed {
  /** From the first request of an event to its acknowledgement, or to being asked for earlier ones; retries included, by tenant. */
  acknowledgedMs(tenant: string, ms: number, atMs: number): void;
  /** One request, whatever the answer. */
  answeredMs(tenant: string, ms: number, atMs: number): void;
  /** An answer that no fault explains. */
  unexpected(what: string): void;
  /** The ledger said that a log was set back. */
  setBack(what: 'ledger_tampered' | 'log_behind_source'): void;
}

export interface SenderOptions {
  readonly tenant: string;
  readonly name: string;
  readonly apiKey: string;
  readonly seed: number;
  readonly startMs: number;
  readonly observed: Observed;
}

const PAUSE_MS = 400;
const RETRY_MS = 150;
/** A client's patience; longer than every limit of the ledger. */
const PATIENCE_MS = 90_000;

export const prefixOf = (name: string): string => `recant://${name}`;

/** @param urls of the replicas, tried in turn after a failure */
export function httpSender(options: SenderOptions, urls: readonly string[]): Sender {
  const { tenant, apiKey, observed } = options;
  let turn = 0;
  const post = async (bytes: Uint8Array, after: string | undefined): Promise<string> => {
    const startedMs = performance.now();
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/cloudevents+json' };
    const asked = after === undefined ? headers : { ...headers, 'recant-after': after };
    const answer = await fetch(`${urls[turn % urls.length]}/v1/events`, {
      method: 'POST',
      headers: asked,
      body: Buffer.from(bytes),
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
      .then(async (response) => ({ status: response.status, body: (await response.json()) as { code?: string; detail?: string } }))
      .catch((error: Error) => ({ status: 0, body: { code: error.name, detail: error.message } }));
    observed.answeredMs(tenant, performance.now() - startedMs, startedMs);
    if (answer.status === 200 || answer.status === 201) return 'acknowledged';
    const { code = '' } = answer.body;
    if (code === 'ledger_tampered') observed.setBack(code);
    else if (code === 'TimeoutError') observed.unexpected(`no answer within ${PATIENCE_MS} ms`);
    else if (![0, 429, 503].includes(answer.status) && code !== 'log_behind_source')
      observed.unexpected(`${answer.status} ${code} ${answer.body.detail}`);
    return code;
  };
  const deliver: Deliver = async (bytes, after, kept) => {
    let startedMs = performance.now();
    for (;;) {
      const outcome = await post(bytes, after);
      const isTold = outcome === 'acknowledged' || outcome === 'log_behind_source';
      if (isTold) observed.acknowledgedMs(tenant, performance.now() - startedMs, startedMs);
      if (outcome === 'acknowledged') return;
      if (outcome === 'log_behind_source') {
        observed.setBack(outcome);
        for (const earlier of kept) await deliver(earlier.bytes, undefined, []);
        // Each of these was an append of its own.
        startedMs = performance.now();
      } else {
        turn += 1;
        await elapse(RETRY_MS);
      }
    }
  };
  return run(options, false, deliver, {
    // Each run strikes the first replica, from which an earlier one may have driven this sender.
    begins() {
      turn = 0;
    },
  });
}

/** @param shard of its source, so that every partition has messages and every replica a position to move */
export function kafkaSender(options: SenderOptions, shards: number, shard: number, producer: Pick<EventProducer, 'send'>): Sender {
  const key = parseApiKey(options.apiKey) as ApiKey;
  const deliver: Deliver = async (bytes) => {
    // A failed send may have reached the broker: the ledger recognises the second one.
    while (!(await sent(producer, key, shard, bytes))) await elapse(RETRY_MS);
  };
  return run(options, true, deliver, { fits: (source) => shardOf(options.tenant, source, shards) === shard });
}

async function sent(producer: Pick<EventProducer, 'send'>, key: ApiKey, shard: number, bytes: Uint8Array): Promise<boolean> {
  return producer.send([batchMessage(key, shard, bytes)]).then(
    () => true,
    () => false,
  );
}

interface Kept {
  readonly bytes: Uint8Array;
  readonly id: string;
}

type Deliver = (bytes: Uint8Array, after: string | undefined, kept: readonly Kept[]) => Promise<void>;

interface Way {
  /** Before the first event of each `send`. */
  readonly begins?: () => void;
  readonly fits?: (source: string) => boolean;
}

/** Seeds between those of two senders. */
const SEEDS = 1_000;

function workloadOf({ name, seed, startMs }: SenderOptions, fits: (source: string) => boolean): Workload {
  const make = (n: number) => createWorkload({ sources: 1, agents: 1, sourcePrefix: prefixOf(name), seed: seed * SEEDS + n, startMs });
  for (let n = 0; n < SEEDS; n += 1) if (fits(make(n).next().source)) return make(n);
  throw new RangeError(`no source of ${name} fits`);
}

function run(options: SenderOptions, overKafka: boolean, deliver: Deliver, { begins = () => {}, fits = () => true }: Way): Sender {
  const workload = workloadOf(options, fits);
  const kept: Kept[] = [];
  const acknowledged: string[] = [];
  const next = (): Kept & { readonly source: string } => {
    const { source, bytes } = workload.next();
    const decoded = decodeEvent(bytes);
    if (!decoded.ok) throw new TypeError(decoded.detail);
    return { source, bytes, id: decoded.event.id };
  };
  let coming = next();
  const { source } = coming;
  let stopped = false;
  return {
    tenant: options.tenant,
    overKafka,
    source,
    acknowledged,
    async send(count = Number.POSITIVE_INFINITY) {
      stopped = false;
      begins();
      // A run restores no copy from before its begin.
      kept.length = 0;
      for (let sentNow = 0; sentNow < count && !stopped; sentNow += 1) {
        await deliver(coming.bytes, acknowledged.at(-1), kept);
        acknowledged.push(coming.id);
        kept.push(coming);
        coming = next();
        await elapse(PAUSE_MS);
      }
    },
    stop() {
      stopped = true;
    },
  };
}
