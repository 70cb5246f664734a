import {
  type Effect,
  effectsDigest,
  encodeEvent,
  eventId,
  formatSequence,
  joinBatch,
  type RecantEvent,
  shardOf,
  uuidv7,
} from '@recant/events';

/** A repeatable stream of events as agents send them: per attempt an intent, one chunk of effects, a settlement. */
export interface Workload {
  /** Bytes of the next event of a source, in the order in which the source numbers them. */
  next(): { readonly source: string; readonly bytes: Uint8Array };
}

type Made = ReturnType<Workload['next']>;

/** Batches of at most `eventsMax` events of one home shard, in order for each source. */
export function batchesOf(
  events: readonly Made[],
  { tenant, shards, eventsMax }: { readonly tenant: string; readonly shards: number; readonly eventsMax: number },
): readonly { readonly shard: number; readonly batch: Uint8Array; readonly sent: readonly Made[] }[] {
  const ofShard = Map.groupBy(events, ({ source }) => shardOf(tenant, source, shards));
  return [...ofShard].flatMap(([shard, own]) =>
    Array.from({ length: Math.ceil(own.length / eventsMax) }, (_, n) => {
      const sent = own.slice(n * eventsMax, (n + 1) * eventsMax);
      return { shard, batch: joinBatch(sent.map(({ bytes }) => bytes)), sent };
    }),
  );
}

export interface WorkloadOptions {
  readonly sources: number;
  readonly agents: number;
  readonly sourcePrefix: string;
  /** Same seed, same bytes. */
  readonly seed: number;
  /** Milliseconds since 1970, UTC, of the first event. */
  readonly startMs: number;
}

const TOOLS = ['reprice', 'cancel_order', 'update_address', 'refund', 'write_file'];
/** Arguments that bring an intent to about 1.1 kB, as measured on recorded tool calls. */
const ARGUMENT_BYTES = 560;

export function createWorkload(options: WorkloadOptions): Workload {
  const random = mulberry32(options.seed);
  const sources = Array.from({ length: options.sources }, (_, n) => createSource(n, options, random));
  let turn = 0;
  return {
    next() {
      const source = sources[turn % sources.length] as Source;
      turn += 1;
      return { source: source.name, bytes: encodeEvent(source.next(options.startMs + turn)) };
    },
  };
}

interface Source {
  readonly name: string;
  next(nowMs: number): RecantEvent;
}

function createSource(n: number, { sourcePrefix, agents, startMs }: WorkloadOptions, random: () => number): Source {
  const bytes16 = () => Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256));
  const agent = `agent-${n % agents}`;
  const name = `${sourcePrefix}/${agent}/${uuidv7(startMs, bytes16())}`;
  const session = `session-${Buffer.from(bytes16()).toString('hex').slice(0, 12)}`;
  let sequence = 0;
  let pending: ((base: Base) => RecantEvent)[] = [];
  return {
    name,
    next(nowMs) {
      sequence += 1;
      const base: Base = {
        specversion: '1.0',
        source: name,
        agent,
        time: new Date(nowMs).toISOString(),
        sequence: formatSequence(sequence),
      };
      if (sequence === 1)
        return { ...base, id: eventId.opened(), type: 'recant.source.opened.v1', data: { sdk: 'bench/1', leaseMs: 60_000 } };
      if (pending.length === 0) pending = attempt(uuidv7(nowMs, bytes16()), session, random, bytes16);
      return (pending.shift() as (base: Base) => RecantEvent)(base);
    },
  };
}

type Base = Pick<RecantEvent, 'specversion' | 'source' | 'agent' | 'time' | 'sequence'>;

function attempt(action: string, session: string, random: () => number, bytes16: () => Uint8Array): ((base: Base) => RecantEvent)[] {
  const hex = () => Buffer.from(bytes16()).toString('hex');
  const version = () => `v1.${Buffer.from(bytes16()).toString('base64url')}`;
  const row = Math.floor(random() * 100_000);
  const resource = `postgres://shop/public.orders/${row}`;
  const tool = TOOLS[row % TOOLS.length] as string;
  const traceparent = `00-${hex()}-${hex().slice(0, 16)}-01`;
  const effects: Effect[] = [0, 1].map((n) => ({
    resource: n === 0 ? resource : `postgres://shop/public.order_items/${row}`,
    operation: 'update',
    ordinal: String(row * 2 + n),
    parts: { price: { before: version(), after: version() }, status: { before: version(), after: version() } },
    reads: { exists: version() },
    compensation: { connector: 'postgres', images: [`capture/${row}/${n}`] },
  }));
  return [
    (base) => ({
      ...base,
      id: eventId.intended(action, 1),
      type: 'recant.attempt.intended.v1',
      traceparent,
      data: {
        action,
        attempt: 1,
        tool,
        arguments: { inline: { order: row, note: 'lorem ipsum dolor '.repeat(40).slice(0, ARGUMENT_BYTES) } },
        resources: [resource],
        reversibility: 'reversible',
        deadlineMs: 60_000,
        context: { session, model: 'model-5', agentVersion: '1.4.2', labels: { team: 'ops' } },
      },
    }),
    (base) => ({
      ...base,
      id: eventId.effects(action, 1, 0),
      type: 'recant.attempt.effects.v1',
      traceparent,
      data: { action, attempt: 1, chunk: 0, effects },
    }),
    (base) => ({
      ...base,
      id: eventId.settled(action, 1),
      type: 'recant.attempt.settled.v1',
      traceparent,
      data: {
        action,
        attempt: 1,
        outcome: 'succeeded',
        chunks: 1,
        effects: effects.length,
        digest: effectsDigest([effects]),
        durationMs: 12,
      },
    }),
  ];
}

/** Small seeded generator (public domain algorithm): a benchmark repeats itself byte for byte. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
