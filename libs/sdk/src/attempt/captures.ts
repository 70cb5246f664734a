import { type Capture, ConnectorError } from '@recant/connector';
import type { AttemptIntended, AttemptRef, Effect } from '@recant/events';
import { RecantError } from '../error.ts';
import { pause } from '../outbox/backoff.ts';
import type { AnySystem } from './action-input.ts';

export type Before = NonNullable<AttemptIntended['before']>;

/** The captures of one attempt, one per system. */
export interface Captures {
  readonly before: Before;
  handleOf(system: AnySystem): unknown;
  /** The effects, system by system. */
  effects(): AsyncIterable<Effect>;
  release(): Promise<void>;
}

/** Attempts to read the effects; the pause between them grows by SETTLE_PAUSE_MS each time. */
const SETTLE_TRIES = 4;
const SETTLE_PAUSE_MS = 250;

/** Captures all systems concurrently. If one fails, the others are released. @throws RecantError `capture_failed` */
export async function captureAll(attempt: AttemptRef, systems: ReadonlyMap<AnySystem, readonly string[]>): Promise<Captures> {
  const wanted = [...systems];
  const settled = await Promise.allSettled(
    wanted.map(async ([system, resources]) => [system, await system.capture(attempt, resources)] as const),
  );
  const captures = new Map(settled.filter((one) => one.status === 'fulfilled').map(({ value }) => value));
  const release = async (): Promise<void> => {
    await Promise.allSettled([...captures.values()].map((capture) => capture.release()));
  };
  const at = settled.findIndex(({ status }) => status === 'rejected');
  if (at >= 0) {
    await release();
    const cause: unknown = (settled[at] as PromiseRejectedResult).reason;
    const name = wanted[at]?.[0].name;
    throw new RecantError('capture_failed', `Could not capture system ${name}, so the tool did not run: ${messageOf(cause)}`, { cause });
  }
  return {
    before: Object.assign({}, ...[...captures.values()].map((capture) => capture.before)) as Before,
    handleOf(system) {
      const capture = captures.get(system);
      if (capture === undefined)
        throw new RecantError(
          'system_unknown',
          `System ${system.name} is not captured for this action: add it to the action's \`systems\` or \`resources\`.`,
        );
      return capture.handle;
    },
    async *effects() {
      for (const capture of captures.values()) yield* settleWithRetry(capture);
    },
    release,
  };
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
