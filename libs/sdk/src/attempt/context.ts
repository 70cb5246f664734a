import type { JsonObject } from '@recant/events';
import type { RecantError } from '../error.ts';
import type { Settings } from '../options.ts';
import type { Intent } from './attempt.ts';
import type { Captures } from './captures.ts';
import { copyContent } from './content.ts';

/** What a tool is given while it runs. */
export interface ActionContext {
  readonly action: string;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly source: string;
  /** The handle of a captured system: a transaction runner, a directory. @throws RecantError `system_unknown` */
  on<Handle>(system: { readonly name: string; capture(...given: never[]): Promise<{ readonly handle: Handle }> }): Handle;
  /** What is kept of the tool's result; the last call counts, and without one nothing is. What cannot be kept is told to `onProblem`. */
  result(value: Readonly<Record<string, unknown>>): void;
}

/** What a tool has said so far. */
export interface Kept {
  result: JsonObject | undefined;
}

export function contextFor(intent: Intent, captures: Captures, kept: Kept, onProblem: Settings['onProblem']): ActionContext {
  const { action, attempt, source } = intent.ref;
  return {
    action,
    attempt,
    source,
    on: (system) => captures.handleOf(system as never) as never,
    result(value) {
      try {
        kept.result = copyContent(value, 'Results');
      } catch (error) {
        onProblem(error as RecantError);
      }
    },
  };
}
