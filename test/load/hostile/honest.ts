import { type ApiKey, decodeEvent, MEDIA_TYPE_BATCH, parseApiKey, shardOf } from '@recant/events';
import { batchMessage, type EventProducer } from '@recant/kafka';
import type { Store } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import { batchesOf, createWorkload, type Workload } from '../../bench/workload.ts';
import { elapse } from '../../faults/matrix/elapse.ts';

/** Sends batches one after the other, each once the one before is recorded: its rate is what the ledger gives it. */
export interface HonestSender {
  readonly tenant: string;
  readonly way: 'http' | 'kafka';
  /** Events known to be recorded. */
  readonly recorded: number;
  /** Milliseconds of each batch since the last call. */
  times(): readonly number[];
  stop(): Promise<void>;
}

export interface HonestOptions {
  readonly tenant: string;
  readonly apiKey: string;
  readonly seed: number;
}

const SOURCES = 6;
const BATCH_EVENTS = 20;
const RETRY_MS = 50;
const POLL_MS = 25;
/** A message waits behind the flood's in its partition. */
const RECORDED_MS_MAX = 600_000;

export function httpSender(options: HonestOptions, shards: number, url: string): HonestSender {
  const { tenant, apiKey } = options;
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': MEDIA_TYPE_BATCH };
  return run(options, 'http', async (events) => {
    const batches = batchesOf(events, { tenant, shards, eventsMax: BATCH_EVENTS });
    for (let n = 0; n < batches.length; ) {
      const body = Buffer.from(batches[n]?.batch as Uint8Array);
      const response = await fetch(`${url}/v1/events`, { method: 'POST', headers, body });
      const answer = (await response.json()) as { receipts?: readonly { kind: string }[] };
      if (response.status === 200 && answer.receipts?.every(({ kind }) => kind === 'appended' || kind === 'duplicate')) {
        n += 1;
        continue;
      }
      if (response.status !== 429 && response.status !== 503)
        throw new Error(`${options.tenant}: ${response.status} ${JSON.stringify(answer)}`);
      await elapse(RETRY_MS);
    }
  });
}

const RECORDED = `SELECT FROM recant.source s JOIN recant.entry e USING (tenant_id, source_no)
  WHERE s.tenant_id = $1 AND s.source = $2 AND e.event_id = $3`;

export function kafkaSender(options: HonestOptions, shards: number, producer: EventProducer, store: Store): HonestSender {
  const key = parseApiKey(options.apiKey) as ApiKey;
  const { tenant } = options;
  const isRecorded = async (source: string, bytes: Uint8Array) => {
    const decoded = decodeEvent(bytes);
    if (!decoded.ok) throw new TypeError(decoded.detail);
    return (await store.pool.query(RECORDED, [tenant, source, decoded.event.id])).rowCount === 1;
  };
  return run(options, 'kafka', async (batch) => {
    await producer.send(batch.map(({ source, bytes }) => batchMessage(key, shardOf(tenant, source, shards), bytes)));
    // Of each source the last one: a partition is recorded in order.
    const lasts = new Map(batch.map(({ source, bytes }) => [source, bytes]));
    for (const [source, bytes] of lasts)
      await waitUntil(() => isRecorded(source, bytes), {
        timeoutMs: RECORDED_MS_MAX,
        what: `an event of ${tenant} over Kafka`,
        pollMs: POLL_MS,
      });
  });
}

type Batch = readonly ReturnType<Workload['next']>[];

function run({ tenant, seed }: HonestOptions, way: HonestSender['way'], send: (batch: Batch) => Promise<void>): HonestSender {
  const workload = createWorkload({ sources: SOURCES, agents: 1, sourcePrefix: `recant://${tenant}/${way}`, seed, startMs: Date.now() });
  let recorded = 0;
  let times: number[] = [];
  let stopped = false;
  const loop = async (): Promise<void> => {
    while (!stopped) {
      const startedAt = performance.now();
      await send(Array.from({ length: BATCH_EVENTS }, () => workload.next()));
      times.push(performance.now() - startedAt);
      recorded += BATCH_EVENTS;
    }
  };
  const ended = loop();
  ended.catch(() => {});
  return {
    ...{ tenant, way },
    get recorded() {
      return recorded;
    },
    times() {
      const all = times;
      times = [];
      return all;
    },
    async stop() {
      stopped = true;
      await ended;
    },
  };
}
