import { type AttemptContext, type AttemptIntended, NAME_BYTES_MAX } from '@recant/events';
import type { Redactor } from '@recant/redaction';
import { readablePath } from '@recant/redaction';
import type { RecantOptions } from '../options.ts';
import { redactionRefused } from '../redaction/recorder-redactor.ts';
import type { Settings } from '../settings.ts';
import type { TraceContext } from '../trace.ts';
import { type ActionInput, type AnySystem, checkInput, contextOf, systemsOf } from './action-input.ts';
import type { Intent } from './attempt-events.ts';
import { copyContent } from './content.ts';
import type { EncodeContent } from './content-encoder.ts';

export interface RedactedInput {
  readonly encoded: Intent['encoded'];
  readonly data: Intent['data'];
  readonly systems: Map<AnySystem, string[]>;
}

/**
 * Checks and redacts the description of an action and encodes its arguments; sealing them may fetch a key. The arguments are copied before the
 * first await. Rejects with RecantError `options_invalid | arguments_invalid | too_large | system_unknown | redaction_refused`.
 */
export async function redactAndSeal(
  input: ActionInput,
  who: Pick<RecantOptions, 'session' | 'model' | 'agentVersion' | 'onBehalfOf'>,
  settings: Settings,
  encode: EncodeContent,
): Promise<RedactedInput> {
  checkInput(input);
  const copied = copyContent(input.arguments);
  refuseSensitiveNames(input, settings.redactor);
  const systems = systemsOf(input, settings.systems);
  return {
    encoded: await encode(copied, 'arguments', input.subject ?? settings.subject),
    data: {
      tool: input.tool,
      resources: [...(input.resources ?? [])],
      reversibility: input.reversibility ?? (systems.size > 0 ? 'reversible' : 'unknown'),
      deadlineMs: input.deadlineMs ?? settings.deadlineMs,
      context: redactContext(contextOf(input, who), settings.redactor),
      ...(input.expectedAfter === undefined ? {} : { expectedAfter: input.expectedAfter }),
    },
    systems,
  };
}

/** Undoing and erasing look things up by these names, so they cannot be masked. */
function refuseSensitiveNames({ tool, subject = '', resources = [], expectedAfter = {} }: ActionInput, { find }: Redactor): void {
  const refuse = (text: string, place: string): void => {
    const rule = find(text);
    if (rule !== undefined) throw redactionRefused(rule, place);
  };
  refuse(tool, 'tool');
  refuse(subject, 'subject');
  for (const [index, resource] of resources.entries()) refuse(readablePath(resource), `resources[${index}]`);
  for (const [resource, parts] of Object.entries(expectedAfter)) {
    refuse(readablePath(resource), 'a resource of expectedAfter');
    for (const part of Object.keys(parts)) refuse(part, 'a part of expectedAfter');
  }
}

function redactContext(context: AttemptContext, redactor: Redactor): AttemptContext {
  const { labels, parent, ...names } = context;
  const redacted = Object.entries(names).map(([name, value]) => [name, redactor.name(value, name)]);
  return {
    ...Object.fromEntries(redacted),
    ...(parent === undefined ? {} : { parent }),
    ...(labels === undefined ? {} : { labels: redactLabels(labels, redactor) }),
  };
}

function redactLabels(labels: Readonly<Record<string, string>>, { json, mask }: Redactor): Readonly<Record<string, string>> {
  const short = (masked: unknown, given: string): unknown =>
    masked === given || Buffer.byteLength(String(masked)) <= NAME_BYTES_MAX ? masked : mask('label', given);
  const redacted = Object.entries(labels).flatMap(([name, value]) =>
    Object.entries(json({ [name]: value }, 'labels').value).map(([maskedName, masked]) => [short(maskedName, name), short(masked, value)]),
  );
  return Object.fromEntries(redacted) as Readonly<Record<string, string>>;
}

/** Drops the versions of resources and parts whose names a rule matches; their effects are masked as well. */
export function redactBefore(before: NonNullable<AttemptIntended['before']>, { find }: Redactor): NonNullable<AttemptIntended['before']> {
  return Object.fromEntries(
    Object.entries(before).filter(
      ([resource, parts]) => find(readablePath(resource)) === undefined && Object.keys(parts).every((part) => find(part) === undefined),
    ),
  );
}

/** Drops a trace state in which a rule matches. */
export function redactTrace({ tracestate, ...trace }: TraceContext, { find }: Redactor): TraceContext {
  return tracestate === undefined || find(tracestate) !== undefined ? trace : { ...trace, tracestate };
}
