import { type ApiKey, decodeEvent, MEDIA_TYPE_BATCH, parseApiKey } from '@recant/events';
import { batchMessage, type EventProducer } from '@recant/kafka';
import { batchesOf, createWorkload } from '../bench/workload.ts';

export interface Sent {
  readonly source: string;
  readonly id: string;
}

/** Sends events in order until it is stopped or, without another key, until its key is refused. */
export interface Sender {
  readonly name: string;
  /** Events acknowledged by the ledger or the broker, in sending order. */
  readonly acknowledged: readonly Sent[];
  /** Answers that refused the key. */
  readonly refusals: number;
  /** From the next request on. */
  useKey(apiKey: string): void;
  stop(): void;
  readonly ended: Promise<void>;
}

export interface SenderOptions {
  readonly name: string;
  readonly apiKey: string;
  readonly tenant: string;
  readonly seed: number;
  readonly startMs: number;
}

const SOURCES = 6;
const BATCH_EVENTS = 60;

/** The prefix that a sender's key needs. */
export const prefixOf = (name: string): string => `recant://${name}`;

/** Sends each batch until it is acknowledged, alternating between the replicas. @param nextKey called when the key is refused */
export function httpSender(
  options: SenderOptions,
  shards: number,
  urls: readonly string[],
  nextKey: () => Promise<string | undefined>,
): Sender {
  let { apiKey } = options;
  let turn = 0;
  return run(options, shards, {
    use: (key) => (apiKey = key),
    async send({ batch }, state) {
      for (;;) {
        const headers = { authorization: `Bearer ${apiKey}`, 'content-type': MEDIA_TYPE_BATCH };
        const response = await fetch(`${urls[turn++ % urls.length]}/v1/events`, { method: 'POST', headers, body: Buffer.from(batch) });
        const answer = (await response.json()) as { receipts?: readonly { kind: string }[] };
        if (response.status === 401) {
          state.refusals += 1;
          const next = await nextKey();
          if (next === undefined) return false;
          apiKey = next;
        } else if (response.status === 200) {
          const refused = answer.receipts?.filter(({ kind }) => kind === 'refused') ?? [];
          if (refused.length > 0) throw new Error(`${options.name}: ${JSON.stringify(refused[0])}`);
          return true;
        } else if (response.status !== 429 && response.status !== 503) throw new Error(`${options.name}: ${JSON.stringify(answer)}`);
      }
    },
  });
}

/** @param room resolves when the ledger's lag is within its limit */
export function kafkaSender(
  options: SenderOptions,
  shards: number,
  producer: Pick<EventProducer, 'send'>,
  room: () => Promise<unknown>,
): Sender {
  let key = parseApiKey(options.apiKey) as ApiKey;
  return run(options, shards, {
    use: (apiKey) => (key = parseApiKey(apiKey) as ApiKey),
    async send({ batch, shard }) {
      await room();
      await producer.send([batchMessage(key, shard, batch)]);
      return true;
    },
  });
}

interface Way {
  use(apiKey: string): void;
  /** @returns whether the batch was acknowledged */
  send(batch: ReturnType<typeof batchesOf>[number], state: { refusals: number }): Promise<boolean>;
}

function run({ name, tenant, seed, startMs }: SenderOptions, shards: number, way: Way): Sender {
  const workload = createWorkload({ sources: SOURCES, agents: 1, sourcePrefix: prefixOf(name), seed, startMs });
  const acknowledged: Sent[] = [];
  const state = { refusals: 0 };
  let stopped = false;
  const loop = async (): Promise<void> => {
    while (!stopped) {
      const events = Array.from({ length: BATCH_EVENTS }, () => workload.next());
      for (const batch of batchesOf(events, { tenant, shards, eventsMax: BATCH_EVENTS })) {
        if (!(await way.send(batch, state))) return;
        for (const { source, bytes } of batch.sent) acknowledged.push({ source, id: idOf(bytes) });
      }
    }
  };
  const ended = loop();
  ended.catch(() => {});
  return {
    name,
    acknowledged,
    get refusals() {
      return state.refusals;
    },
    useKey: (apiKey) => void way.use(apiKey),
    stop() {
      stopped = true;
    },
    ended,
  };
}

function idOf(bytes: Uint8Array): string {
  const decoded = decodeEvent(bytes);
  if (!decoded.ok) throw new TypeError(decoded.detail);
  return decoded.event.id;
}
