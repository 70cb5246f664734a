import { type Capture, ConnectorError } from '@recant/connector';
import type { AttemptIntended, AttemptRef, Effect } from '@recant/events';
import { RecantError } from '../error.ts';
import { pause } from '../outbox/backoff.ts';
import type { AnySystem } from './action-input.ts';

export type Before = NonNullable<AttemptIntended['before']>;

/** The captures of one attempt, by system. */
export interface Captures {
  readonly before: Before;
  handleOf(system: AnySystem): unknown;
  /** What took effect, system by system. */
  effects(): AsyncIterable<Effect>;
  release(): Promise<void>;
}

/** Tries to read what took effect, and the pause between them. */
const SETTLE_TRIES = 4;
const SETTLE_PAUSE_MS = 250;

/** Captures all systems at once; where one refuses, the others are released and nothing has happened. @throws RecantError `capture_failed` */
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
    throw new RecantError('capture_failed', `${name} could not be captured, so the tool did not run: ${messageOf(cause)}`, { cause });
  }
  return {
    before: Object.assign({}, ...[...captures.values()].map((capture) => capture.before)) as Before,
    handleOf(system) {
      const capture = captures.get(system);
      if (capture === undefined)
        throw new RecantError('system_unknown', `This action did not name ${system.name}: add it to \`systems\` or \`resources\`.`);
      return capture.handle;
    },
    async *effects() {
      for (const capture of captures.values()) yield* settleAgain(capture);
    },
    release,
  };
}

/** `settle` is repeatable: after an error that may pass it is read again, past what was read already. */
async function* settleAgain(capture: Capture): AsyncGenerator<Effect> {
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
