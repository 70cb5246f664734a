import { AsyncLocalStorage } from 'node:async_hooks';
import { type Begun, createAttempts } from './attempt/begin.ts';
import type { ActionContext } from './attempt/context.ts';
import type { ActionInput } from './attempt/input.ts';
import { RecantError } from './error.ts';
import { Lane } from './lane/lane.ts';
import { type RecantOptions, settingsOf } from './options.ts';
import { createSource } from './source.ts';
import { checkTrace, openTelemetryReader, type TraceReader } from './trace.ts';
import { within } from './within.ts';
import { type Tool, type WrapOptions, type Wrapped, wrapTool } from './wrap.ts';

/** Records the actions of one agent, in one ordered source. */
export interface Recant {
  readonly source: string;
  /** Tells the ledger of this source. @throws RecantError `ledger_unavailable | key_refused | refused` */
  open(): Promise<void>;
  /**
   * Runs `tool` once its intent and before images are durable; gives what it gives, throws what it throws.
   * @throws RecantError before the tool runs: `options_invalid | arguments_invalid | too_large | system_unknown | capture_failed | queue_full |
   *   ledger_unavailable | key_refused | refused | not_open | closed`.
   */
  action<T>(input: ActionInput, tool: (context: ActionContext) => T): Promise<Awaited<T>>;
  /** The same tool, recorded. A generator stays a generator (an async one); anything else gives a promise. */
  wrap<T extends Tool>(tool: T, options: WrapOptions<T>): Wrapped<T>;
  /** The action that is running here: for tools that are wrapped. */
  current(): ActionContext | undefined;
  /** Waits for running actions and acknowledgements. @throws RecantError `unacknowledged` with the ids of what the ledger has not taken. */
  close(): Promise<void>;
}

export function createRecant(options: RecantOptions): Recant {
  const settings = settingsOf(options);
  const { source, onProblem } = settings;
  let state: 'new' | 'open' | 'closed' = 'new';
  let readTrace: TraceReader = () => ({});
  let closing: Promise<void> | undefined;
  const lost = new Set<string>();
  const lane = new Lane({
    ...settings,
    onRefused(id, { code, detail }) {
      // Who waits for an intent or for `open` is told by an exception.
      if (id.endsWith('.intended') || id === 'opened') return;
      lost.add(id);
      onProblem(new RecantError('refused', `The ledger refused ${id} (${code}): ${detail}`, { refusal: { code, detail } }));
    },
    onKeyRefused(cause) {
      // Who waits for `open` is told by an exception.
      if (state !== 'new') onProblem(new RecantError('key_refused', `${cause.message} Events wait until there is another key.`, { cause }));
    },
  });
  const sourceEvents = createSource(lane, settings);
  const attempts = createAttempts({ lane, settings, who: options, trace: () => readTrace() });
  const running = new Set<Promise<unknown>>();
  const storage = new AsyncLocalStorage<ActionContext>();

  const begin = async (input: ActionInput): Promise<Begun> => {
    if (state !== 'open') {
      const [code, what] =
        state === 'new' ? (['not_open', 'Call open() first'] as const) : (['closed', 'This recorder is closed'] as const);
      throw new RecantError(code, `${what}; the tool did not run.`);
    }
    return attempts.begin(input);
  };

  /** Counts as running from `begin` to the end, so that `close` waits for it. */
  const track = async <T>(work: () => Promise<T>): Promise<T> => {
    const promise = work();
    running.add(promise);
    try {
      return await promise;
    } finally {
      running.delete(promise);
    }
  };

  const shut = async (): Promise<void> => {
    const opened = state === 'open';
    state = 'closed';
    sourceEvents.rest();
    if (!opened) {
      // No tool has run: there is nothing to wait for.
      lane.stop();
      return settings.transport.close();
    }
    const deadline = performance.now() + settings.closeTimeoutMs;
    const left = (): number => deadline - performance.now();
    const idle = async (): Promise<true> => {
      while (running.size + attempts.endings.size > 0) await Promise.allSettled([...running, ...attempts.endings]);
      return true;
    };
    const quiet = await within(idle(), left());
    if (quiet) void sourceEvents.close();
    await within(lane.drained(), left());
    const pending = [...new Set([...lane.pending, ...attempts.unsettled, ...lost, ...attempts.lost])];
    lane.stop();
    await settings.transport.close();
    if (pending.length === 0 && quiet) return;
    throw new RecantError(
      'unacknowledged',
      `Closed with ${pending.length} events that the ledger has not taken: ${pending.slice(0, 5).join(', ')}`,
      {
        pending,
      },
    );
  };

  const recant: Recant = {
    source,
    async open() {
      if (state === 'closed') throw new RecantError('closed', 'This recorder is closed; make another one.');
      const { trace } = options;
      readTrace = trace === undefined ? await openTelemetryReader() : () => checkTrace(trace());
      await sourceEvents.open();
      if (state === 'new') state = 'open';
    },
    action: <T>(input: ActionInput, tool: (context: ActionContext) => T) =>
      track(async (): Promise<Awaited<T>> => {
        const begun = await begin(input);
        let result: Awaited<T>;
        try {
          result = await storage.run(begun.context, () => tool(begun.context));
        } catch (error) {
          await begun.end({ outcome: 'failed', thrown: { value: error } });
          throw error;
        }
        await begun.end({ outcome: 'succeeded' });
        return result;
      }),
    wrap: (tool, wrapOptions) => wrapTool(tool, wrapOptions, { recant, begin, storage, track, onProblem }),
    current: () => storage.getStore(),
    close: () => {
      closing ??= shut();
      return closing;
    },
  };
  return recant;
}
