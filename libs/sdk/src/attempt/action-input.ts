import type { CapturingSystem } from '@recant/connector';
import { type AttemptContext, type AttemptIntended, isName, isUuidV7, parseResource, type Reversibility } from '@recant/events';
import { RecantError } from '../error.ts';

/** What is about to be done. */
export interface ActionInput {
  readonly tool: string;
  /** Plain data; copied before the tool runs. */
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** Resources that the tool is going to touch, as far as known. Required for systems that cannot capture by themselves (files). */
  readonly resources?: readonly string[];
  /** Names of systems to capture, beside those of `resources`. Where neither is given: all. */
  readonly systems?: readonly string[];
  /** Default: `reversible` where a system is captured, else `irreversible`. */
  readonly reversibility?: Reversibility;
  /** The action that this one belongs to. */
  readonly parent?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly session?: string;
  readonly onBehalfOf?: string;
  /** Whose data its arguments and result are, where they are sealed: the key hangs on it. A name that says nothing outside, such as `customer/42`. */
  readonly subject?: string;
  /** Milliseconds after which the attempt is `unknown` without a settlement. */
  readonly deadlineMs?: number;
  readonly expectedAfter?: AttemptIntended['expectedAfter'];
  /** Another try of an action: of its last attempt by this recorder, or of the attempt that is named. */
  readonly retryOf?: { readonly action: string; readonly attempt?: number };
  /** `false`, for `read` only: the tool runs whether or not the ledger answers. */
  readonly failClosed?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: systems with handles of different types in one list
export type AnySystem = CapturingSystem<any>;

/** The systems to capture, with the declared resources of each. @throws RecantError `options_invalid | system_unknown` */
export function systemsOf(input: ActionInput, known: ReadonlyMap<string, AnySystem>): Map<AnySystem, string[]> {
  const chosen = new Map<AnySystem, string[]>();
  const names = input.systems ?? (input.resources === undefined || input.resources.length === 0 ? [...known.keys()] : []);
  for (const name of names) {
    const system = known.get(name);
    if (system === undefined) throw new RecantError('system_unknown', `No system called ${name} was given to createRecant.`);
    chosen.set(system, []);
  }
  for (const resource of input.resources ?? []) {
    const parsed = parseResource(resource);
    if (parsed === undefined) {
      throw new RecantError(
        'options_invalid',
        `Not a resource: ${resource.slice(0, 200)}. Write <connector>://<system>/<percent-encoded path>.`,
      );
    }
    const system = known.get(parsed.system);
    if (system !== undefined && system.connector === parsed.connector) chosen.set(system, [...(chosen.get(system) ?? []), resource]);
    else if ((input.reversibility ?? 'reversible') === 'reversible') {
      throw new RecantError(
        'system_unknown',
        `${resource} is of no system that was given to createRecant: give it one, or say that the action is not reversible.`,
      );
    }
  }
  return chosen;
}

/** @throws RecantError `options_invalid` */
export function checkInput(input: ActionInput): void {
  const problems: string[] = [];
  if (typeof input.tool !== 'string' || !isName(input.tool)) problems.push('tool must be a name of 1 to 256 bytes');
  if (input.failClosed === false && input.reversibility !== 'read') problems.push('failClosed: false is for reversibility read only');
  if (input.subject !== undefined && !isName(input.subject)) problems.push('subject must be a name of 1 to 256 bytes');
  if (input.parent !== undefined && !isUuidV7(input.parent)) problems.push('parent must be the id of an action');
  if (input.retryOf !== undefined && !isUuidV7(input.retryOf.action)) problems.push('retryOf.action must be the id of an action');
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
