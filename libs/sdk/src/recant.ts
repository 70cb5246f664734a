import { AsyncLocalStorage } from 'node:async_hooks';
import type { ActionInput } from './attempt/action-input.ts';
import { createAttempts, type RunningAttempt } from './attempt/attempts.ts';
import type { ActionContext } from './attempt/context.ts';
import { closeRecorder } from './close.ts';
import { RecantError } from './error.ts';
import type { RecantOptions } from './options.ts';
import { Outbox } from './outbox/outbox.ts';
import { type Settings, settingsOf } from './settings.ts';
import { createSource } from './source.ts';
import { checkTrace, openTelemetryReader, type TraceReader } from './trace.ts';
import { type Tool, type WrapOptions, type Wrapped, wrapTool } from './wrap.ts';

/** Records the actions of one agent as one ordered source. */
export interface Recant {
  readonly source: string;
  /** Announces this source to the ledger. @throws RecantError `ledger_unavailable | key_refused | refused` */
  open(): Promise<void>;
  /**
   * Runs `tool` once its intent and before images are durable. Returns its result and throws its error, both unchanged.
   * @throws RecantError before the tool runs: `options_invalid | arguments_invalid | too_large | system_unknown | redaction_refused |
   *   capture_failed | queue_full | ledger_unavailable | key_refused | refused | not_open | closed`.
   */
  action<T>(input: ActionInput, tool: (context: ActionContext) => T): Promise<Awaited<T>>;
  /** Returns the tool as a recorded function. A generator becomes an async generator; any other function returns a promise. */
  wrap<T extends Tool>(tool: T, options: WrapOptions<T>): Wrapped<T>;
  /** The context of the running action, for wrapped tools. */
  current(): ActionContext | undefined;
  /** Waits for running actions and acknowledgements. @throws RecantError `unacknowledged` with the ids of the missing events */
  close(): Promise<void>;
}

export function createRecant(options: RecantOptions): Recant {
  const settings = settingsOf(options);
  let state: 'new' | 'open' | 'closed' = 'new';
  let readTrace: TraceReader = () => ({});
  let closing: Promise<void> | undefined;
  const refused = new Set<string>();
  const outbox = createOutbox(settings, refused, () => state !== 'new');
  const source = createSource(outbox, settings);
  const attempts = createAttempts({ outbox, settings, who: options, trace: () => readTrace() });
  const running = new Set<Promise<unknown>>();
  const storage = new AsyncLocalStorage<ActionContext>();

  const begin = async (input: ActionInput): Promise<RunningAttempt> => {
    if (state === 'new') throw new RecantError('not_open', 'Call open() first; the tool did not run.');
    if (state === 'closed') throw new RecantError('closed', 'This recorder is closed; the tool did not run.');
    return attempts.begin(input);
  };

  /** Counts `work` as running, so that `close` waits for it. */
  const track = async <T>(work: () => Promise<T>): Promise<T> => {
    const promise = work();
    running.add(promise);
    try {
      return await promise;
    } finally {
      running.delete(promise);
    }
  };

  const action = <T>(input: ActionInput, tool: (context: ActionContext) => T): Promise<Awaited<T>> =>
    track(async (): Promise<Awaited<T>> => {
      const attempt = await begin(input);
      let result: Awaited<T>;
      try {
        result = await storage.run(attempt.context, () => tool(attempt.context));
      } catch (error) {
        await attempt.end({ outcome: 'failed', thrown: { value: error } });
        throw error;
      }
      await attempt.end({ outcome: 'succeeded' });
      return result;
    });

  const shut = (): Promise<void> => {
    const wasOpen = state === 'open';
    state = 'closed';
    return closeRecorder({ wasOpen, settings, outbox, source, settlements: attempts.settlements, running, refused });
  };

  return {
    source: settings.source,
    async open() {
      if (state === 'closed') throw new RecantError('closed', 'This recorder is closed; create a new one.');
      const { trace } = options;
      readTrace = trace === undefined ? await openTelemetryReader() : () => checkTrace(trace());
      await source.open();
      if (state === 'new') state = 'open';
    },
    action,
    wrap: (tool, wrapOptions) => wrapTool(tool, wrapOptions, { action, begin, storage, track, onProblem: settings.onProblem }),
    current: () => storage.getStore(),
    close: () => {
      closing ??= shut();
      return closing;
    },
  };
}

/** @param refused receives the ids of refused events that no caller gets an exception for */
function createOutbox(settings: Settings, refused: Set<string>, wasOpened: () => boolean): Outbox {
  const { onProblem } = settings;
  return new Outbox({
    ...settings,
    onRefused(id, { code, detail }) {
      // The callers of `open` and of fail-closed tools get an exception instead.
      if (id.endsWith('.intended') || id === 'opened') return;
      refused.add(id);
      onProblem(new RecantError('refused', `The ledger refused ${id} (${code}): ${detail}`, { refusal: { code, detail } }));
    },
    onKeyRefused(cause) {
      // The caller of `open` gets an exception instead.
      if (wasOpened()) onProblem(new RecantError('key_refused', `${cause.message} Events wait until apiKey gives another key.`, { cause }));
    },
  });
}
