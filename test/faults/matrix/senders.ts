import { type ApiKey, decodeEvent, parseApiKey, shardOf } from '@recant/events';
import { type EventProducer, eventMessage } from '@recant/kafka';
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
  /** From the first request of an event to its acknowledgement, retries included, by tenant. */
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

const PAUSE_MS = 200;
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
  const deliver = async (bytes: Uint8Array, after: string | undefined, kept: readonly Kept[]): Promise<void> => {
    for (;;) {
      const outcome = await post(bytes, after);
      if (outcome === 'acknowledged') return;
      if (outcome === 'log_behind_source') {
        observed.setBack(outcome);
        for (const earlier of kept) await deliver(earlier.bytes, undefined, []);
      } else {
        turn += 1;
        await elapse(RETRY_MS);
      }
    }
  };
  return run(options, false, deliver);
}

export function kafkaSender(options: SenderOptions, shards: number, producer: Pick<EventProducer, 'send'>): Sender {
  const key = parseApiKey(options.apiKey) as ApiKey;
  return run(options, true, async (bytes, _after, _kept, source) => {
    // A failed send may have reached the broker: the ledger recognises the second one.
    while (!(await sent(producer, key, shardOf(options.tenant, source, shards), bytes))) await elapse(RETRY_MS);
  });
}

async function sent(producer: Pick<EventProducer, 'send'>, key: ApiKey, shard: number, bytes: Uint8Array): Promise<boolean> {
  return producer.send([eventMessage(key, shard, bytes)]).then(
    () => true,
    () => false,
  );
}

interface Kept {
  readonly bytes: Uint8Array;
  readonly id: string;
}

type Deliver = (bytes: Uint8Array, after: string | undefined, kept: readonly Kept[], source: string) => Promise<void>;

function run({ tenant, name, seed, startMs, observed }: SenderOptions, overKafka: boolean, deliver: Deliver): Sender {
  const workload: Workload = createWorkload({ sources: 1, agents: 1, sourcePrefix: prefixOf(name), seed, startMs });
  const kept: Kept[] = [];
  const acknowledged: string[] = [];
  const next = (): Kept & { source: string } => {
    const { source, bytes } = workload.next();
    const decoded = decodeEvent(bytes);
    if (!decoded.ok) throw new TypeError(decoded.detail);
    return { source, bytes, id: decoded.event.id };
  };
  let coming = next();
  let stopped = false;
  return {
    tenant,
    overKafka,
    source: coming.source,
    acknowledged,
    async send(count = Number.POSITIVE_INFINITY) {
      stopped = false;
      for (let sentNow = 0; sentNow < count && !stopped; sentNow += 1) {
        const startedMs = performance.now();
        await deliver(coming.bytes, acknowledged.at(-1), kept, coming.source);
        acknowledged.push(coming.id);
        if (!overKafka) observed.acknowledgedMs(tenant, performance.now() - startedMs, startedMs);
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
