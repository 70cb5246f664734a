import { randomBytes } from 'node:crypto';
import { DURATION_MS_MAX, isName, NAME_BYTES_MAX, parseApiKey, percentEncode, uuidv7 } from '@recant/events';
import type { RedactionOptions, Redactor } from '@recant/redaction';
import type { ApiKeySource } from './api-key.ts';
import type { AnySystem } from './attempt/action-input.ts';
import { RecantError } from './error.ts';
import { httpTransport } from './http/transport.ts';
import { printable } from './redaction/printable-error.ts';
import { recorderRedactor } from './redaction/recorder-redactor.ts';
import { createSealer, type Sealer, type SealerOptions, type SealingOptions } from './sealing/sealer.ts';
import type { TraceContext } from './trace.ts';
import type { Transport } from './transport.ts';

export interface RecantOptions {
  /** Where the ledger listens. Not needed with a `transport` of your own. */
  readonly url?: string;
  /** `recant_<id>_<secret>`, or a function that gives it, asked before every request: so a key can be replaced in a running agent. Not needed with a `transport` of your own. */
  readonly apiKey?: ApiKeySource;
  /** The agent in whose name actions are recorded; the key must allow it. */
  readonly agent: string;
  /** What the agent can reach and what can be captured. */
  readonly systems?: readonly AnySystem[];
  readonly session?: string;
  readonly model?: string;
  readonly agentVersion?: string;
  readonly onBehalfOf?: string;
  /** The key's source prefix, where it is another than `recant://<agent>`. */
  readonly sourcePrefix?: string;
  /** Default: HTTP to `url`. It belongs to this recorder, which closes it. */
  readonly transport?: Transport;
  /** Milliseconds after which an attempt without a settlement is `unknown`. */
  readonly deadlineMs?: number;
  /** Silence past this many milliseconds means that the source is lost; a heartbeat goes out three times as often. */
  readonly leaseMs?: number;
  /** How long a tool waits for its intent to be acknowledged, and a result for its settlement while the ledger is silent. */
  readonly ackTimeoutMs?: number;
  /** How long `close()` waits for actions to end and for acknowledgements. */
  readonly closeTimeoutMs?: number;
  /** Events and bytes that may wait for the ledger before a new action is refused (`queue_full`). */
  readonly queueEventsMax?: number;
  readonly queueBytesMax?: number;
  /** Acknowledged events (parts among them) and bytes that are kept, to be sent again should the ledger be restored from an older copy. 0: none. */
  readonly resendEventsMax?: number;
  readonly resendBytesMax?: number;
  /** What must not leave this process. Default: credentials are masked wherever they stand. */
  readonly redaction?: RedactionOptions;
  /** How personal contents are sealed. Default: under keys of the ledger, where it is reached over HTTP; `false` masks instead. */
  readonly sealing?: SealingOptions | false;
  /** Told of what goes wrong after a tool ran, where nobody can be thrown at. Default: `process.emitWarning`. */
  readonly onProblem?: (problem: RecantError) => void;
  /** Trace context of what is running now. Default: the active OpenTelemetry span, where its API is installed. */
  readonly trace?: () => TraceContext;
  /** Unix time in milliseconds. */
  readonly clock?: () => number;
  readonly random?: (bytes: number) => Uint8Array;
}

export interface Settings {
  readonly agent: string;
  readonly source: string;
  readonly systems: ReadonlyMap<string, AnySystem>;
  readonly transport: Transport;
  readonly redactor: Redactor;
  /** Undefined: nothing is sealed, what was to be is masked. */
  readonly sealer: Sealer | undefined;
  /** Whose data it is where an action does not say. */
  readonly subject: string;
  readonly deadlineMs: number;
  readonly leaseMs: number;
  readonly ackTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly queueEventsMax: number;
  readonly queueBytesMax: number;
  readonly resendEventsMax: number;
  readonly resendBytesMax: number;
  readonly onProblem: (problem: RecantError) => void;
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
}

const DEFAULTS = {
  deadlineMs: 300_000,
  leaseMs: 30_000,
  ackTimeoutMs: 10_000,
  closeTimeoutMs: 30_000,
  queueEventsMax: 10_000,
  queueBytesMax: 33_554_432,
  resendEventsMax: 10_000,
  resendBytesMax: 16_777_216,
} as const;
/** Zero is a bound too. */
const MAY_BE_NONE: readonly string[] = ['resendEventsMax', 'resendBytesMax'];

/** @throws RecantError `options_invalid`, naming every problem at once. */
export function settingsOf(options: RecantOptions): Settings {
  const problems: string[] = [];
  const number = (name: keyof typeof DEFAULTS): number => {
    const value = options[name] ?? DEFAULTS[name];
    const least = MAY_BE_NONE.includes(name) ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least || value > DURATION_MS_MAX)
      problems.push(`${name} must be a whole number from ${least}`);
    return value;
  };
  const numbers = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, number(name as keyof typeof DEFAULTS)])) as {
    [K in keyof typeof DEFAULTS]: number;
  };
  if (typeof options.agent !== 'string' || !isName(options.agent)) problems.push('agent must be a name of 1 to 256 bytes');
  for (const name of ['session', 'model', 'agentVersion', 'onBehalfOf'] as const) {
    if (options[name] !== undefined && !isName(options[name])) problems.push(`${name} must be a name of 1 to 256 bytes`);
  }
  const systems = new Map((options.systems ?? []).map((system) => [system.name, system]));
  if (systems.size !== (options.systems ?? []).length) problems.push('each system needs a name of its own');
  if (options.transport === undefined) {
    if (options.url === undefined || !URL.canParse(options.url)) problems.push('url must be the address of the ledger');
    const { apiKey } = options;
    if (typeof apiKey !== 'function' && (apiKey === undefined || parseApiKey(apiKey) === undefined))
      problems.push(
        apiKey
          ? 'apiKey must be recant_<id>_<secret>, or a function that gives it'
          : 'apiKey is empty: give a key of `recant keys create`, or a function that gives it',
      );
  }
  const { clock = Date.now, random = randomBytes } = options;
  const bytesOf = (bytes: number): Uint8Array => new Uint8Array(random(bytes));
  const redactor = recorderRedactor(options.redaction ?? {}, bytesOf);
  const subject = subjectOf(options);
  if (!isName(subject)) problems.push('sealing.subject must be a name of 1 to 256 bytes');
  for (const [name, text] of Object.entries({ agent: options.agent, sourcePrefix: options.sourcePrefix, 'sealing.subject': subject })) {
    const rule = redactor.find(String(text ?? ''));
    if (rule !== undefined) problems.push(`${name} holds what the redaction rule ${rule} finds`);
  }
  const source = problems.length === 0 ? sourceOf(options, clock(), random(16)) : '';
  if (source !== '' && !isName(source)) problems.push(`sourcePrefix and agent make a source over ${NAME_BYTES_MAX} bytes`);
  if (problems.length > 0) throw new RecantError('options_invalid', `${problems.join('; ')}.`);
  const transport = options.transport ?? httpTransport({ url: options.url as string, apiKey: options.apiKey as ApiKeySource });
  const told = options.onProblem ?? ((problem) => process.emitWarning(problem));
  const onProblem = (problem: RecantError): void => {
    try {
      told(printable(problem, redactor.text));
    } catch {
      // A listener's own failure must not reach the tool's caller.
    }
  };
  return {
    agent: options.agent,
    source,
    systems,
    transport,
    redactor,
    sealer: sealerOf(options, transport, { clock, random: bytesOf, onProblem }),
    subject,
    ...numbers,
    onProblem,
    clock,
    random: bytesOf,
  };
}

function subjectOf({ agent, sealing }: RecantOptions): string {
  const given = sealing === false ? undefined : sealing?.subject;
  const named = `agent/${agent}`;
  return given ?? (isName(named) ? named : agent);
}

function sealerOf({ sealing }: RecantOptions, transport: Transport, ports: Omit<SealerOptions, 'dataKey'>): Sealer | undefined {
  const dataKey = sealing === false ? undefined : (sealing?.dataKey ?? transport.dataKey);
  return dataKey && createSealer({ dataKey, ...ports });
}

/** `<prefix>/<agent>/<uuid>`; the default prefix names the agent already. */
function sourceOf({ agent, sourcePrefix }: RecantOptions, nowMs: number, random16: Uint8Array): string {
  const name = percentEncode(agent);
  const outbox = uuidv7(nowMs, random16);
  return sourcePrefix === undefined ? `recant://${name}/${outbox}` : `${sourcePrefix.replace(/\/+$/, '')}/${name}/${outbox}`;
}
