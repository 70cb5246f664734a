import type { FenceRule } from './permission/fence-rule.ts';
import type { FreezeRule } from './permission/freeze-rule.ts';
import type { MakeDataKey } from './sealing/sealer.ts';

/** Canonical bytes of an event, or the bytes of a part. */
export interface Outgoing {
  readonly bytes: Uint8Array;
  readonly source: string;
  readonly traceparent?: string;
  /** Present for a part, which is sent before the event that references it. */
  readonly part?: { readonly digest: string; readonly salt: string };
}

export type SendResult =
  /** Durable. Over Kafka the broker acknowledges, so shard and index are absent. */
  | {
      readonly kind: 'acknowledged';
      readonly shard?: number;
      readonly index?: number;
      /** Of an intent that is recorded and must not be executed. */
      readonly fenced?: FenceRule;
    }
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string };

/** The ledger's answer about an acknowledged event. */
export interface Durability {
  /** The log's epoch: it increases when an operator declares that an older copy was restored. */
  readonly epoch: number;
  /** Whether a checkpoint that includes the event exists outside the ledger. */
  readonly covered: boolean;
}

export interface LeaseRequest {
  readonly source: string;
  readonly agent: string;
  /** Version of the freezes that this recorder obeys. */
  readonly applied: number;
  /** Longest wait for a change, in milliseconds. */
  readonly waitMs: number;
  /** Whether to send the keys of fenced calls when they change. */
  readonly fences?: true;
}

export interface LeaseAnswer {
  readonly version: number;
  /** False if `applied` is an older version: the lease is granted once this version is applied. */
  readonly granted: boolean;
  /** Counts from the moment at which the request was sent. */
  readonly leaseMs: number;
  readonly freezes: readonly FreezeRule[];
  /** Starts of the keys of fenced calls (`callKey`); absent: unchanged. */
  readonly fences?: readonly string[];
}

/** A call that a fence may stop. */
export interface FenceQuestion {
  readonly source: string;
  readonly agent: string;
  readonly action: string;
  readonly attempt: number;
  /** `callKey` */
  readonly call: string;
}

/**
 * Sends events to the ledger. `send` resolves once all items are durable or refused, with one result per item, in order. Calls for one source never
 * overlap. The caller retries after a `TransportError` with the same bytes; items stored before the error are then acknowledged as duplicates.
 */
export interface Transport {
  /**
   * @param after id of the source's last acknowledged event. A ledger that lacks it accepts no event of the source.
   * @throws SourceBehind if the ledger lacks `after`; TransportError if the outcome is unknown
   */
  send(items: readonly Outgoing[], signal: AbortSignal, after?: string): Promise<readonly SendResult[]>;
  /** Asks about an acknowledged event. If absent, acknowledged events are not buffered for resending. */
  durability?(source: string, id: string, signal: AbortSignal): Promise<Durability>;
  /** Asks for permission to start actions, and for the freezes. If absent, no freeze reaches this recorder. @throws TransportError */
  lease?(request: LeaseRequest, signal: AbortSignal): Promise<LeaseAnswer>;
  /**
   * Asks whether a fence stops a call. The same question gets the same answer. Present where nobody answers an intent (Kafka); elsewhere `send` says it.
   * @returns undefined: the call may start. @throws TransportError
   */
  askFence?(question: FenceQuestion, signal: AbortSignal): Promise<FenceRule | undefined>;
  /** Gets a new data key for sealing. If absent, values that a rule would seal are masked. */
  readonly dataKey?: MakeDataKey;
  close(): Promise<void>;
}

/** The outcome is unknown; the same items may be sent again. */
export class TransportError extends Error {
  override readonly name: string = 'TransportError';
  /** Shortest pause before a retry that the ledger requested; 0 for none. */
  readonly retryAfterMs: number;
  constructor(message: string, options: ErrorOptions & { readonly retryAfterMs?: number } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

/** The key is refused or missing. Nothing was stored; the same items may be sent again under another key. */
export class KeyRefused extends TransportError {
  override readonly name = 'KeyRefused';
}

/** The ledger lacks an event that it acknowledged: an older copy of it was restored. Buffered events must be sent before the same items. */
export class SourceBehind extends TransportError {
  override readonly name = 'SourceBehind';
}
