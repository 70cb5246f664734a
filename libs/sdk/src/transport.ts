import type { MakeDataKey } from './sealing/sealer.ts';

/** What goes out: an event's canonical bytes, or the bytes of a part. */
export interface Outgoing {
  readonly bytes: Uint8Array;
  readonly source: string;
  readonly traceparent?: string;
  /** Present for a part, which is sent before the event that names it. */
  readonly part?: { readonly digest: string; readonly salt: string };
}

export type SendResult =
  /** Durable. Over Kafka there is no index: the broker has it. */
  | { readonly kind: 'acknowledged'; readonly shard?: number; readonly index?: number }
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string };

/** How safely the ledger keeps an event. */
export interface Standing {
  /** Of the log: it grows when a person says that an older copy was restored. */
  readonly epoch: number;
  /** Whether a checkpoint over it is kept outside the ledger. */
  readonly covered: boolean;
}

/**
 * Brings events to the ledger. `send` resolves once all are durable or refused, with a result each, in order; calls for one source never overlap.
 * Who retries: the caller, with the same bytes, after a `TransportError`; what was taken before the error comes back as acknowledged.
 */
export interface Transport {
  /**
   * @param after id of the last event of the source that was acknowledged. Where the ledger is known not to have it, no event is taken.
   * @throws SourceBehind then; TransportError where nothing is known
   */
  send(items: readonly Outgoing[], signal: AbortSignal, after?: string): Promise<readonly SendResult[]>;
  /** Asks about an event that was acknowledged. Absent where this way cannot ask: then nothing that was acknowledged is kept. */
  standing?(source: string, id: string, signal: AbortSignal): Promise<Standing>;
  /** Asks for a new key that seals. Absent where this way cannot ask: then what was to be sealed is masked. */
  readonly dataKey?: MakeDataKey;
  close(): Promise<void>;
}

/** Nothing is known about what was sent; the same may be sent again. */
export class TransportError extends Error {
  override readonly name: string = 'TransportError';
  /** What the other side asked for. */
  readonly retryAfterMs: number;
  constructor(message: string, options: ErrorOptions & { readonly retryAfterMs?: number } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

/** The key is not taken, or there is none. Nothing was kept; the same may be sent again under another key. */
export class KeyRefused extends TransportError {
  override readonly name = 'KeyRefused';
}

/** The ledger does not have what it acknowledged: an older copy of it was restored. What is kept goes first, then the same again. */
export class SourceBehind extends TransportError {
  override readonly name = 'SourceBehind';
}
