import type { AsyncLocalStorage } from 'node:async_hooks';
import type { ActionInput, ActionOptions } from './attempt/action-input.ts';
import type { RunningAttempt } from './attempt/attempts.ts';
import type { ActionContext } from './attempt/context.ts';
import { endingOf, outcomeOf } from './attempt/ending.ts';
import { RecantError } from './error.ts';
import type { Running, Start } from './started.ts';
import type { OptionsOf, Tool, WrapOptions, Wrapped, WrappedFunction } from './wrap/types.ts';
import { wrapTools } from './wrap/wrap-tools.ts';

/** What records actions: a recorder, or one session of it. */
export interface Recorder {
  /**
   * Runs `tool` once its intent and the before images of its declared systems are durable; the first action opens the recorder. Returns its result
   * and throws its error, both unchanged.
   * @param name of the tool in the ledger
   * @param args JSON data; copied before the tool runs
   * @throws RecantError before the tool runs: `options_invalid | arguments_invalid | too_large | system_unknown | redaction_refused |
   *   capture_failed | queue_full | ledger_unavailable | key_refused | refused | frozen | aborted | closed`; while it runs: `aborted | timed_out`.
   */
  action<T>(
    name: string,
    args: Readonly<Record<string, unknown>>,
    tool: (context: ActionContext) => T,
    options?: ActionOptions,
  ): Promise<Awaited<T>>;
  /** Returns the tool as a recorded function. A generator becomes an async generator; any other function returns a promise. */
  wrap<T extends Tool>(tool: T, options?: WrapOptions<T>): WrappedFunction<T>;
  /**
   * Returns a copy of a tool object (`execute`, `func` or `invoke`), of an array of them, or of a map of tools by name, whose calls are recorded.
   * Tools without such a function are returned as they are.
   */
  wrap<T extends object>(tools: T, options?: OptionsOf<T>): Wrapped<T>;
}

export interface RecorderPorts {
  /** @throws RecantError if the tool must not run */
  readonly begin: (input: ActionInput) => Promise<RunningAttempt>;
  readonly storage: AsyncLocalStorage<Running>;
  readonly onProblem: (problem: RecantError) => void;
  /** Counts the work as running, so that `close` waits for it. */
  readonly track: <T>(work: () => Promise<T>) => Promise<T>;
}

/** `action` and `wrap` with these defaults. */
export function recorderFor({ begin, storage, onProblem, track }: RecorderPorts, defaults: { readonly session?: string }): Recorder {
  const start: Start = async (name, args, options) => {
    const parent = storage.getStore();
    const session = options.session ?? defaults.session ?? parent?.session;
    if (options.signal?.aborted)
      throw new RecantError('aborted', 'The action was aborted before its tool ran.', { cause: options.signal.reason });
    const attempt = await begin({
      ...options,
      ...(session === undefined ? {} : { session }),
      ...(parent === undefined ? {} : { parent: options.parent ?? parent.context.action }),
      tool: name,
      arguments: args,
    });
    if (options.signal?.aborted) await giveUp(attempt, options.signal.reason);
    const ending = endingOf(options);
    const context = { ...attempt.context, signal: ending.signal };
    return {
      context,
      run: (work) => storage.run({ context, session }, () => attempt.run(work)),
      race: ending.race,
      end(thrown) {
        ending.stop();
        if (thrown === undefined) return attempt.end({ outcome: 'succeeded' });
        return attempt.end({ outcome: outcomeOf(thrown.value, attempt.reversibility), thrown });
      },
    };
  };

  const action = <T>(
    name: string,
    args: Readonly<Record<string, unknown>>,
    tool: (context: ActionContext) => T,
    options: ActionOptions = {},
  ): Promise<Awaited<T>> =>
    track(async (): Promise<Awaited<T>> => {
      const started = await start(name, args, options);
      let result: Awaited<T>;
      try {
        result = await started.race(started.run(async () => tool(started.context)));
      } catch (error) {
        await started.end({ value: error });
        throw error;
      }
      await started.end();
      return result;
    });

  return {
    action,
    wrap: (tools: never, options?: object) => wrapTools(tools, options ?? {}, { action, start, track, onProblem }) as never,
  };
}

/** The caller gave up while the intent was on its way. @throws RecantError `aborted` */
async function giveUp(attempt: RunningAttempt, cause: unknown): Promise<never> {
  const error = new RecantError('aborted', 'The action was aborted before its tool ran.', { cause });
  await attempt.end({ outcome: 'denied', thrown: { value: error } });
  throw error;
}
