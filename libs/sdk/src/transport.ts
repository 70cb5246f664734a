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

/**
 * Brings events to the ledger. `send` resolves once all are durable or refused, with a result each, in order; calls for one source never overlap.
 * Who retries: the caller, with the same bytes, after a `TransportError`; what was taken before the error comes back as acknowledged.
 */
export interface Transport {
  send(items: readonly Outgoing[], signal: AbortSignal): Promise<readonly SendResult[]>;
  close(): Promise<void>;
}

/** Nothing is known about what was sent; the same may be sent again. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /** What the other side asked for. */
  readonly retryAfterMs: number;
  constructor(message: string, options: ErrorOptions & { readonly retryAfterMs?: number } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}
