import type { CapturingSystem } from '@recant/connector';
import { type AttemptContext, type AttemptIntended, isName, isUuidV7, parseResource, type Reversibility } from '@recant/events';
import { RecantError } from '../error.ts';
import { isTimeout } from './ending.ts';

/** What is known of an action beside its name and arguments. */
export interface ActionOptions {
  /** Resources that the tool will change, as far as known; captured before it runs. Required for files that the tool writes without the handle. */
  readonly resources?: readonly string[];
  /** Names of systems that the tool must use, captured before it runs. Other systems are captured when the tool first uses them. */
  readonly systems?: readonly string[];
  /** Default: `reversible` if `resources` or `systems` names a system, else `unknown`. */
  readonly reversibility?: Reversibility;
  /** Id of the parent action. Default: the action that is running in this async context. */
  readonly parent?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Default: that of `recant.session(id)`, of the parent action, or of `createRecant`. */
  readonly session?: string;
  readonly onBehalfOf?: string;
  /** The person whose data the arguments and result contain; sealed contents use this subject's key. It is logged: use an opaque name such as `customer/42`. */
  readonly subject?: string;
  /**
   * Milliseconds from the tool's start after which the action is given up: it rejects with `timed_out`, and `context.signal` is aborted. Recorded as `unknown`
   * where the tool's effects cannot be read back (reversibility `compensable`, `irreversible`, `unknown`), else as `failed`.
   */
  readonly timeoutMs?: number;
  /** Gives the action up likewise, with `aborted`. Aborted before the tool starts: it does not run. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which an unsettled attempt becomes `unknown`. */
  readonly deadlineMs?: number;
  readonly expectedAfter?: AttemptIntended['expectedAfter'];
  /** Makes this a retry of an action: the next attempt after `attempt`. Default: after this recorder's last attempt of it. */
  readonly retryOf?: { readonly action: string; readonly attempt?: number };
  /**
   * What has to be durable before the tool runs. `ledger` (default): the intent is acknowledged by the ledger. `none`: nothing; allowed for
   * `read` only, the tool runs even if the ledger does not answer.
   */
  readonly durability?: 'ledger' | 'none';
}

/** The whole description of an action. */
export interface ActionInput extends ActionOptions {
  readonly tool: string;
  /** JSON data; copied before the tool runs. */
  readonly arguments: Readonly<Record<string, unknown>>;
}

// biome-ignore lint/suspicious/noExplicitAny: one list contains systems with different handle types
export type AnySystem = CapturingSystem<any>;

/** The systems to capture before the tool runs, with the declared resources of each. @throws RecantError `options_invalid | system_unknown` */
export function systemsOf(input: ActionOptions, known: ReadonlyMap<string, AnySystem>): Map<AnySystem, string[]> {
  const chosen = new Map<AnySystem, string[]>();
  for (const name of input.systems ?? []) {
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
    problems.push('the name of the tool must be a string of 1 to 256 bytes without control characters');
  if (!['ledger', 'none'].includes(input.durability ?? 'ledger')) problems.push('durability must be ledger or none');
  else if (input.durability === 'none' && input.reversibility !== 'read')
    problems.push('durability none is allowed only with reversibility read');
  if (input.subject !== undefined && !isName(input.subject))
    problems.push('subject must be a string of 1 to 256 bytes without control characters');
  if (input.parent !== undefined && !isUuidV7(input.parent)) problems.push('parent must be an action id (UUIDv7)');
  if (input.retryOf !== undefined && !isUuidV7(input.retryOf.action)) problems.push('retryOf.action must be an action id (UUIDv7)');
  if (input.timeoutMs !== undefined && !isTimeout(input.timeoutMs))
    problems.push('timeoutMs must be a whole number of milliseconds, from 1 to 2147483647');
  if (input.signal !== undefined && !(input.signal instanceof AbortSignal)) problems.push('signal must be an AbortSignal');
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
