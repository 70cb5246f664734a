import type { JsonObject } from '@recant/events';
import type { RecantError } from '../error.ts';
import type { Settings } from '../settings.ts';
import type { Intent } from './attempt-events.ts';
import type { Captures } from './captures.ts';
import { copyContent } from './content.ts';

/** Passed to a tool while it runs. */
export interface ActionContext {
  readonly action: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly source: string;
  /** Aborted when the action is given up: pass it to what the tool calls. */
  readonly signal: AbortSignal;
  /**
   * Returns the handle of a system: a transaction runner, a directory. A system that the action did not declare is captured at the first call of
   * the handle, which rejects with `capture_failed` if that is impossible. @throws RecantError `system_unknown | closed`
   */
  on<Handle>(system: { readonly name: string; capture(...given: never[]): Promise<{ readonly handle: Handle }> }): Handle;
  /** Records (part of) the tool's result. The last call wins; without a call no result is recorded. Invalid values are reported to `onProblem`. */
  result(value: Readonly<Record<string, unknown>>): void;
}

/** The result that the tool reported last. */
export interface ReportedResult {
  value: JsonObject | undefined;
}

export function contextFor(
  intent: Intent,
  captures: Captures,
  reported: ReportedResult,
  onProblem: Settings['onProblem'],
): Omit<ActionContext, 'signal'> {
  const { action, attempt, source } = intent.ref;
  return {
    action,
    attempt,
    source,
    on: (system) => captures.handleOf(system as never) as never,
    result(value) {
      try {
        reported.value = copyContent(value, 'Results');
      } catch (error) {
        onProblem(error as RecantError);
      }
    },
  };
}
