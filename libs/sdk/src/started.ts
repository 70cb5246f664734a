import type { ActionOptions } from './attempt/action-input.ts';
import type { RunningAttempt } from './attempt/attempts.ts';
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
  readonly end: RunningAttempt['end'];
}

export type Start = (name: string, args: Readonly<Record<string, unknown>>, options: ActionOptions) => Promise<Started>;
