import type { CapturingSystem } from '@recant/connector';
import { type AttemptContext, type AttemptIntended, isName, isUuidV7, parseResource, type Reversibility } from '@recant/events';
import { RecantError } from '../error.ts';

/** Description of an action. */
export interface ActionInput {
  readonly tool: string;
  /** JSON data; copied before the tool runs. */
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** Resources that the tool will change, as far as known. Required for systems that cannot detect changes themselves (files). */
  readonly resources?: readonly string[];
  /** Names of systems to capture in addition to those of `resources`. Default if neither is given: all systems. */
  readonly systems?: readonly string[];
  /** Default: `reversible` if a system is captured, else `irreversible`. */
  readonly reversibility?: Reversibility;
  /** Id of the parent action. */
  readonly parent?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly session?: string;
  readonly onBehalfOf?: string;
  /** The person whose data the arguments and result contain; sealed contents use this subject's key. It is logged: use an opaque name such as `customer/42`. */
  readonly subject?: string;
  /** Milliseconds after which an unsettled attempt becomes `unknown`. */
  readonly deadlineMs?: number;
  readonly expectedAfter?: AttemptIntended['expectedAfter'];
  /** Makes this a retry of an action: the next attempt after `attempt`. Default: after this recorder's last attempt of it. */
  readonly retryOf?: { readonly action: string; readonly attempt?: number };
  /** `false` is allowed for `read` only: the tool then runs even if the ledger does not answer. */
  readonly failClosed?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: one list contains systems with different handle types
export type AnySystem = CapturingSystem<any>;

/** The systems to capture, with the declared resources of each. @throws RecantError `options_invalid | system_unknown` */
export function systemsOf(input: ActionInput, known: ReadonlyMap<string, AnySystem>): Map<AnySystem, string[]> {
  const chosen = new Map<AnySystem, string[]>();
  const names = input.systems ?? (input.resources === undefined || input.resources.length === 0 ? [...known.keys()] : []);
  for (const name of names) {
    const system = known.get(name);
    if (system === undefined) throw new RecantError('system_unknown', `Unknown system ${name}: add it to the \`systems\` of createRecant.`);
    chosen.set(system, []);
  }
  for (const resource of input.resources ?? []) {
    const parsed = parseResource(resource);
    if (parsed === undefined) {
      throw new RecantError(
        'options_invalid',
        `Invalid resource ${resource.slice(0, 200)}: expected <connector>://<system>/<percent-encoded path>.`,
      );
    }
    const system = known.get(parsed.system);
    if (system !== undefined && system.connector === parsed.connector) chosen.set(system, [...(chosen.get(system) ?? []), resource]);
    else if ((input.reversibility ?? 'reversible') === 'reversible') {
      throw new RecantError(
        'system_unknown',
        `${resource} belongs to no known system: add its system to the \`systems\` of createRecant, or set \`reversibility\` to irreversible.`,
      );
    }
  }
  return chosen;
}

/** @throws RecantError `options_invalid` */
export function checkInput(input: ActionInput): void {
  const problems: string[] = [];
  if (typeof input.tool !== 'string' || !isName(input.tool))
    problems.push('tool must be a string of 1 to 256 bytes without control characters');
  if (input.failClosed === false && input.reversibility !== 'read')
    problems.push('failClosed: false is allowed only with reversibility read');
  if (input.subject !== undefined && !isName(input.subject))
    problems.push('subject must be a string of 1 to 256 bytes without control characters');
  if (input.parent !== undefined && !isUuidV7(input.parent)) problems.push('parent must be an action id (UUIDv7)');
  if (input.retryOf !== undefined && !isUuidV7(input.retryOf.action)) problems.push('retryOf.action must be an action id (UUIDv7)');
  if (problems.length > 0) throw new RecantError('options_invalid', `${problems.join('; ')}.`);
}

export function contextOf(
  input: ActionInput,
  who: Pick<AttemptContext, 'session' | 'model' | 'agentVersion' | 'onBehalfOf'>,
): AttemptContext {
  const given: { [K in keyof AttemptContext]: AttemptContext[K] | undefined } = {
    session: input.session ?? who.session,
    model: who.model,
    agentVersion: who.agentVersion,
    onBehalfOf: input.onBehalfOf ?? who.onBehalfOf,
    parent: input.parent,
    labels: input.labels,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as AttemptContext;
}
