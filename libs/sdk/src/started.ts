import type { ActionOptions } from './attempt/action-input.ts';
import type { ActionContext } from './attempt/context.ts';

/** The action that runs in an async context. */
export interface Running {
  readonly context: ActionContext;
  readonly session: string | undefined;
}

/** An action whose tool may run. */
export interface Started {
  readonly context: ActionContext;
  /** Runs a part of the tool in the action's async context. */
  run<T>(work: () => T): T;
  /** The result of a part of the tool, unless the action is given up before. @throws RecantError `aborted | timed_out` */
  race<T>(work: Promise<T>): Promise<T>;
  /** Settles the attempt by what the tool threw; undefined: it succeeded. */
  readonly end: (thrown?: { readonly value: unknown }) => Promise<void>;
}

export type Start = (name: string, args: Readonly<Record<string, unknown>>, options: ActionOptions) => Promise<Started>;
