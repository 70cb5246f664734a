import type { RedactionOptions } from '@recant/redaction';
import type { ApiKeySource } from './api-key.ts';
import type { AnySystem } from './attempt/action-input.ts';
import type { RecantError } from './error.ts';
import type { SealingOptions } from './sealing/sealer.ts';
import type { TraceContext } from './trace.ts';
import type { Transport } from './transport.ts';

export interface RecantOptions {
  /** Base URL of the ledger. Not needed with `transport`. */
  readonly url?: string;
  /** `recant_<id>_<secret>`, or a function that returns it. The function is called before every request, so a key can be replaced in a running agent. Not needed with `transport`. */
  readonly apiKey?: ApiKeySource;
  /** The agent whose actions are recorded; the key must allow it. */
  readonly agent: string;
  /** The systems that are captured. */
  readonly systems?: readonly AnySystem[];
  readonly session?: string;
  readonly model?: string;
  readonly agentVersion?: string;
  readonly onBehalfOf?: string;
  /** The key's source prefix, if it differs from `recant://<agent>`. */
  readonly sourcePrefix?: string;
  /** Default: HTTP to `url`. The recorder owns and closes it. */
  readonly transport?: Transport;
  /** Milliseconds after which an unsettled attempt becomes `unknown`: at most a day after the ledger recorded it, whatever this says. Default: 300,000. */
  readonly deadlineMs?: number;
  /** Milliseconds of silence after which the source counts as lost. Heartbeats are sent three times as often. Default: 30,000. */
  readonly leaseMs?: number;
  /** Milliseconds that a tool waits for the acknowledgement of its intent, and that a result waits for its settlement while the ledger is silent. Default: 10,000. */
  readonly ackTimeoutMs?: number;
  /** Milliseconds that `close()` waits for running actions and acknowledgements. Default: 30,000. */
  readonly closeTimeoutMs?: number;
  /** Unacknowledged events and bytes at which new actions are refused (`queue_full`). Default: 10,000 events, 32 MiB. */
  readonly queueEventsMax?: number;
  readonly queueBytesMax?: number;
  /** Acknowledged events (including parts) and bytes that are buffered, to be sent again if the ledger is restored from an older copy. 0 disables the buffer. Default: 10,000 events, 16 MiB. */
  readonly resendEventsMax?: number;
  readonly resendBytesMax?: number;
  /** What must not leave this process. Default: credentials are masked. */
  readonly redaction?: RedactionOptions;
  /** How personal contents are sealed. Default: with keys of the ledger, if it is reached over HTTP; `false` masks instead. */
  readonly sealing?: SealingOptions | false;
  /** Called for problems that cannot be thrown, mostly after a tool ran. Default: `process.emitWarning`. */
  readonly onProblem?: (problem: RecantError) => void;
  /** Returns the current trace context. Default: the active OpenTelemetry span, if its API is installed. */
  readonly trace?: () => TraceContext;
  /** Unix time in milliseconds. */
  readonly clock?: () => number;
  readonly random?: (bytes: number) => Uint8Array;
}
