import { randomBytes } from 'node:crypto';
import { DURATION_MS_MAX, isName, NAME_BYTES_MAX, parseApiKey, percentEncode, uuidv7 } from '@recant/events';
import type { Redactor } from '@recant/redaction';
import type { ApiKeySource } from './api-key.ts';
import type { AnySystem } from './attempt/action-input.ts';
import { RecantError } from './error.ts';
import { httpTransport } from './http/transport.ts';
import type { RecantOptions } from './options.ts';
import { printable } from './redaction/printable-error.ts';
import { recorderRedactor } from './redaction/recorder-redactor.ts';
import { createSealer, type Sealer, type SealerOptions } from './sealing/sealer.ts';
import type { Transport } from './transport.ts';

/** The checked options with their defaults. */
export interface Settings {
  readonly agent: string;
  readonly source: string;
  readonly systems: ReadonlyMap<string, AnySystem>;
  readonly transport: Transport;
  readonly redactor: Redactor;
  /** Undefined: values that a rule would seal are masked. */
  readonly sealer: Sealer | undefined;
  /** Subject of actions that name none. */
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
type NumberOption = keyof typeof DEFAULTS;
const ZERO_ALLOWED: readonly string[] = ['resendEventsMax', 'resendBytesMax'];
const NAME_RULE = `a string of 1 to ${NAME_BYTES_MAX} bytes without control characters`;

/** @throws RecantError `options_invalid`, with every problem in one message */
export function settingsOf(options: RecantOptions): Settings {
  const { agent, clock = Date.now, random = randomBytes, onProblem: report = (problem) => process.emitWarning(problem) } = options;
  const bytesOf = (bytes: number): Uint8Array => new Uint8Array(random(bytes));
  const numbers = numbersOf(options);
  const redactor = recorderRedactor(options.redaction ?? {}, bytesOf);
  const subject = subjectOf(options);
  const problems = [
    ...problemsOfNumbers(numbers),
    ...problemsOfNames(options, subject),
    ...problemsOfConnection(options),
    ...problemsOfRedaction(options, subject, redactor),
  ];
  const source = problems.length === 0 ? sourceOf(options, clock(), random(16)) : '';
  if (source !== '' && !isName(source))
    problems.push(`sourcePrefix and agent make an invalid source: expected at most ${NAME_BYTES_MAX} bytes`);
  if (problems.length > 0) throw new RecantError('options_invalid', `${problems.join('; ')}.`);
  const transport = options.transport ?? httpTransport({ url: options.url as string, apiKey: options.apiKey as ApiKeySource });
  const onProblem = (problem: RecantError): void => {
    try {
      report(printable(problem, redactor.text));
    } catch {
      // An error in the application's callback must not reach the tool's caller.
    }
  };
  return {
    agent,
    source,
    systems: new Map((options.systems ?? []).map((system) => [system.name, system])),
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

function numbersOf(options: RecantOptions): { [K in NumberOption]: number } {
  const names = Object.keys(DEFAULTS) as NumberOption[];
  return Object.fromEntries(names.map((name) => [name, options[name] ?? DEFAULTS[name]])) as { [K in NumberOption]: number };
}

function problemsOfNumbers(numbers: { [K in NumberOption]: number }): string[] {
  return Object.entries(numbers).flatMap(([name, value]) => {
    const least = ZERO_ALLOWED.includes(name) ? 0 : 1;
    const valid = Number.isSafeInteger(value) && value >= least && value <= DURATION_MS_MAX;
    return valid ? [] : [`${name} must be a whole number from ${least} to ${DURATION_MS_MAX}`];
  });
}

function problemsOfNames(options: RecantOptions, subject: string): string[] {
  const { agent, systems = [] } = options;
  const problems: string[] = [];
  if (typeof agent !== 'string' || !isName(agent)) problems.push(`agent must be ${NAME_RULE}`);
  for (const name of ['session', 'model', 'agentVersion', 'onBehalfOf'] as const) {
    if (options[name] !== undefined && !isName(options[name])) problems.push(`${name} must be ${NAME_RULE}`);
  }
  if (new Set(systems.map(({ name }) => name)).size !== systems.length) problems.push('each system needs a unique name');
  if (!isName(subject)) problems.push(`sealing.subject must be ${NAME_RULE}`);
  return problems;
}

function problemsOfConnection({ transport, url, apiKey }: RecantOptions): string[] {
  if (transport !== undefined) return [];
  const problems: string[] = [];
  if (url === undefined || !URL.canParse(url)) problems.push('url must be the URL of the ledger');
  if (apiKey === undefined || apiKey === '') problems.push('apiKey is empty: create a key with "recant keys create"');
  else if (typeof apiKey !== 'function' && parseApiKey(apiKey) === undefined)
    problems.push('apiKey must be recant_<id>_<secret>, or a function that returns it');
  return problems;
}

/** The source and the subject are logged in plain text. */
function problemsOfRedaction({ agent, sourcePrefix }: RecantOptions, subject: string, { find }: Redactor): string[] {
  return Object.entries({ agent, sourcePrefix, 'sealing.subject': subject }).flatMap(([name, text]) => {
    const rule = find(String(text ?? ''));
    return rule === undefined ? [] : [`${name} matches the redaction rule ${rule}`];
  });
}

function subjectOf({ agent, sealing }: RecantOptions): string {
  const given = sealing === false ? undefined : sealing?.subject;
  const derived = `agent/${agent}`;
  return given ?? (isName(derived) ? derived : agent);
}

function sealerOf({ sealing }: RecantOptions, transport: Transport, ports: Omit<SealerOptions, 'dataKey'>): Sealer | undefined {
  const dataKey = sealing === false ? undefined : (sealing?.dataKey ?? transport.dataKey);
  return dataKey && createSealer({ dataKey, ...ports });
}

/** `<prefix>/<agent>/<uuid>`; the default prefix already contains the agent. */
function sourceOf({ agent, sourcePrefix }: RecantOptions, nowMs: number, random16: Uint8Array): string {
  const name = percentEncode(agent);
  const id = uuidv7(nowMs, random16);
  return sourcePrefix === undefined ? `recant://${name}/${id}` : `${sourcePrefix.replace(/\/+$/, '')}/${name}/${id}`;
}
