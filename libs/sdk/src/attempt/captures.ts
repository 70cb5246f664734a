import { type Capture, ConnectorError } from '@recant/connector';
import type { AttemptIntended, AttemptRef, Effect } from '@recant/events';
import { RecantError } from '../error.ts';
import { pause } from '../outbox/backoff.ts';
import type { AnySystem } from './action-input.ts';
import { lazyHandle } from './lazy-handle.ts';

export type Before = NonNullable<AttemptIntended['before']>;

/** The captures of one attempt, one per system: the declared ones before the tool runs, the others when the tool first uses them. */
export interface Captures {
  /** Of the declared systems. */
  readonly before: Before;
  /** @throws RecantError `system_unknown | closed` */
  handleOf(system: AnySystem): unknown;
  /** Runs a part of the tool, so that clients recorded through a system know the attempt. */
  run<T>(work: () => T): T;
  /** The tool has ended: from now on nothing is captured. */
  end(): void;
  /** Names of declared systems that the tool did not use and that have no effects; known once `effects` is read. */
  unused(): readonly string[];
  /** Resolves once `effects` has read every system that must be read before the caller continues. */
  readonly read: Promise<void>;
  /** The effects, system by system, first those that must be read before the caller continues. */
  effects(): AsyncIterable<Effect>;
  release(): Promise<void>;
}

/** Attempts to read the effects; the pause between them grows by SETTLE_PAUSE_MS each time. */
const SETTLE_TRIES = 4;
const SETTLE_PAUSE_MS = 250;

/**
 * Captures the declared systems concurrently. If one fails, the others are released.
 * @param declared with their declared resources
 * @param known all systems of the recorder, by name
 * @throws RecantError `capture_failed`
 */
export async function captureAll(
  attempt: AttemptRef,
  declared: ReadonlyMap<AnySystem, readonly string[]>,
  known: ReadonlyMap<string, AnySystem>,
): Promise<Captures> {
  const captures = new Map<AnySystem, Promise<Capture>>();
  const capture = (system: AnySystem): Promise<Capture> => {
    const capturing = captures.get(system) ?? captureOne(system, attempt, declared.get(system) ?? []);
    captures.set(system, capturing);
    // The next use tries again.
    capturing.catch(() => captures.delete(system));
    return capturing;
  };
  const done = async (): Promise<[AnySystem, Capture][]> => {
    const all = await Promise.allSettled([...captures].map(async ([system, one]) => [system, await one] as [AnySystem, Capture]));
    return all.filter((one) => one.status === 'fulfilled').map(({ value }) => value);
  };
  const release = async (): Promise<void> => {
    await Promise.allSettled((await done()).map(([, one]) => one.release()));
  };
  const ready = new Map<AnySystem, Capture>();
  const settled = await Promise.allSettled([...declared.keys()].map(async (system) => void ready.set(system, await capture(system))));
  const failed = settled.find(({ status }) => status === 'rejected');
  if (failed !== undefined) {
    await release();
    throw (failed as PromiseRejectedResult).reason;
  }

  let ended = false;
  const used = new Set<AnySystem>();
  const use = (system: AnySystem): void => {
    if (ended) throw new RecantError('closed', `The action has ended, so system ${system.name} can no longer be used in it.`);
    used.add(system);
  };
  const captured = async (system: AnySystem): Promise<Capture> => {
    use(system);
    return capture(system);
  };
  const read = createSignal();
  return {
    before: Object.assign({}, ...[...ready.values()].map((one) => one.before)) as Before,
    handleOf(system) {
      if (known.get(system.name) !== system)
        throw new RecantError('system_unknown', `Unknown system ${system.name}: add it to the \`systems\` of createRecant.`);
      use(system);
      return ready.get(system)?.handle ?? lazyHandle(async () => (await captured(system)).handle);
    },
    run: (work) => duringAll(known.values(), attempt, async (system) => void (await captured(system)), work),
    end() {
      ended = true;
    },
    unused: () => [...declared.keys()].filter((system) => !used.has(system)).map(({ name }) => name),
    read: read.promise,
    async *effects() {
      const all = await done();
      for (const later of [false, true]) {
        if (later) read.resolve();
        for (const [system, one] of all) {
          if ((one.settlesLater === true) !== later) continue;
          for await (const effect of settleWithRetry(one)) {
            used.add(system);
            yield effect;
          }
        }
      }
    },
    release,
  };
}

/** Runs `work` within `during` of every system. */
function duringAll<T>(systems: Iterable<AnySystem>, attempt: AttemptRef, captured: (system: AnySystem) => Promise<void>, work: () => T): T {
  let nested = work;
  for (const system of systems) {
    const inner = nested;
    if (system.during !== undefined) nested = () => system.during?.(attempt, () => captured(system), inner) as T;
  }
  return nested();
}

async function captureOne(system: AnySystem, attempt: AttemptRef, resources: readonly string[]): Promise<Capture> {
  try {
    return await system.capture(attempt, resources);
  } catch (cause) {
    throw new RecantError('capture_failed', `Could not capture system ${system.name}, so nothing was changed there: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** `settle` is repeatable: after a retryable error it is read again, skipping the effects already read. */
async function* settleWithRetry(capture: Capture): AsyncGenerator<Effect> {
  let seen = 0;
  for (let tries = 1; ; tries += 1) {
    try {
      let position = 0;
      for await (const effect of capture.settle()) {
        position += 1;
        if (position <= seen) continue;
        seen = position;
        yield effect;
      }
      return;
    } catch (error) {
      if (tries === SETTLE_TRIES || !(error instanceof ConnectorError) || !error.retry) throw error;
      await pause(SETTLE_PAUSE_MS * tries, new AbortController().signal);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function createSignal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
