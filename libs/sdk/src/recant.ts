import { AsyncLocalStorage } from 'node:async_hooks';
import { isName } from '@recant/events';
import type { ActionInput } from './attempt/action-input.ts';
import { createAttempts, type RunningAttempt } from './attempt/attempts.ts';
import type { ActionContext } from './attempt/context.ts';
import { closeRecorder, flushRecorder } from './close.ts';
import { RecantError } from './error.ts';
import type { RecantOptions } from './options.ts';
import { Outbox } from './outbox/outbox.ts';
import { createPermission } from './permission/permission.ts';
import { type Recorder, recorderFor } from './recorder.ts';
import { type Settings, settingsOf } from './settings.ts';
import { createSource } from './source.ts';
import type { Running } from './started.ts';
import { checkTrace, openTelemetryReader, type TraceReader } from './trace.ts';

/** Records the actions of one agent as one ordered source. */
export interface Recant extends Recorder {
  readonly source: string;
  /** Announces this source to the ledger; without it the first action does. @throws RecantError `ledger_unavailable | key_refused | refused | closed` */
  open(): Promise<void>;
  /** Records under this session, in the same source. */
  session(id: string): Recorder;
  /** The context of the action that is running in this async context, for wrapped tools. */
  current(): ActionContext | undefined;
  /** Waits until everything about ended actions is acknowledged, at most `closeTimeoutMs`. @throws RecantError `unacknowledged` with ids of events */
  flush(): Promise<void>;
  /** Waits for running actions and acknowledgements. @throws RecantError `unacknowledged` with the ids of the missing events */
  close(): Promise<void>;
}

export function createRecant(options: RecantOptions): Recant {
  const settings = settingsOf(options);
  let state: 'new' | 'open' | 'closed' = 'new';
  /** A tool with durability `none` ran, or may have run, before the ledger answered. */
  let ranUnopened = false;
  let readTrace: TraceReader = () => ({});
  let closing: Promise<void> | undefined;
  const refused = new Set<string>();
  const outbox = createOutbox(settings, refused, () => state !== 'new');
  const source = createSource(outbox, settings);
  const permission = createPermission(settings);
  const attempts = createAttempts({ outbox, settings, permission, who: options, trace: () => readTrace() });
  const running = new Set<Promise<unknown>>();
  const storage = new AsyncLocalStorage<Running>();

  const open = once(async () => {
    readTrace = await traceReaderOf(options);
    permission.start();
    await source.open();
    if (state === 'new') state = 'open';
  });

  const begin = async (input: ActionInput): Promise<RunningAttempt> => {
    refuseClosed('This recorder is closed; the tool did not run.');
    if (state === 'open') return attempts.begin(input);
    const opening = open();
    if (input.durability !== 'none') return attempts.begin(input, opening);
    ranUnopened = true;
    opening.catch(settings.onProblem);
    return attempts.begin(input);
  };
  const refuseClosed = (message: string): void => {
    if (state === 'closed') throw new RecantError('closed', message);
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

  const shut = (): Promise<void> => {
    const wasOpen = state === 'open' || ranUnopened;
    state = 'closed';
    return closeRecorder({ permission, wasOpen, settings, outbox, source, settlements: attempts.settlements, running, refused });
  };
  const ports = { begin, storage, track, onProblem: settings.onProblem };
  return {
    ...recorderFor(ports, {}),
    source: settings.source,
    async open() {
      refuseClosed('This recorder is closed; create a new one.');
      await open();
    },
    session(id) {
      return recorderFor(ports, { session: checkSession(id) });
    },
    current: () => storage.getStore()?.context,
    flush: () => flushRecorder({ settings, outbox, settlements: attempts.settlements }),
    close: () => {
      closing ??= shut();
      return closing;
    },
  };
}

/** @throws RecantError `options_invalid` */
function checkSession(id: string): string {
  if (isName(id)) return id;
  throw new RecantError('options_invalid', 'session must be a string of 1 to 256 bytes without control characters.');
}

async function traceReaderOf({ trace }: Pick<RecantOptions, 'trace'>): Promise<TraceReader> {
  return trace === undefined ? openTelemetryReader() : () => checkTrace(trace());
}

/** One call at a time; after a failure the next call tries again. */
function once(work: () => Promise<void>): () => Promise<void> {
  let going: Promise<void> | undefined;
  return () => {
    going ??= work().catch((error: unknown) => {
      going = undefined;
      throw error;
    });
    return going;
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
