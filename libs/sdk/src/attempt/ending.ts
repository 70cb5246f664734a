import type { Outcome, Reversibility } from '@recant/events';
import { RecantError } from '../error.ts';

/** What an action that threw is settled as. A tool with effects that cannot be read back may have had them although its answer was lost. */
export function outcomeOf(thrown: unknown, reversibility: Reversibility): Outcome {
  return MAY_HAVE_ACTED.includes(reversibility) && isUnsure(thrown) ? 'unknown' : 'failed';
}

/** Systems say what a reversible tool did, and a reading one did nothing. */
const MAY_HAVE_ACTED: readonly Reversibility[] = ['compensable', 'irreversible', 'unknown'];

/** Time-outs and aborts of Node, fetch, axios and gRPC, and connections that ended before the answer. */
const UNSURE_NAMES: readonly unknown[] = ['AbortError', 'TimeoutError'];
const UNSURE_CODES: readonly unknown[] = [
  ...['ABORT_ERR', 'ETIMEDOUT', 'ESOCKETTIMEDOUT', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ERR_CANCELED'],
  ...['UND_ERR_ABORTED', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_SOCKET', 'UND_ERR_RESPONSE'],
  ...['aborted', 'timed_out', 'outcome_unknown'],
];
/** Errors behind an error that are looked at. */
const CAUSES_MAX = 8;

function isUnsure(thrown: unknown): boolean {
  try {
    let error = thrown;
    for (let depth = 0; depth < CAUSES_MAX && typeof error === 'object' && error !== null; depth += 1) {
      const { name, code, cause } = error as { readonly name?: unknown; readonly code?: unknown; readonly cause?: unknown };
      if (UNSURE_NAMES.includes(name) || UNSURE_CODES.includes(code)) return true;
      error = cause;
    }
  } catch {
    // A getter of the tool's error threw: it names no lost answer.
    return false;
  }
  return false;
}

/** The time and the signal that end an action before its tool does. */
export interface Ending {
  /** For the tool: aborted when the action is given up. */
  readonly signal: AbortSignal;
  /** The work's result, or the reason for which the action is given up; the tool then goes on unheard. @throws RecantError `aborted | timed_out` */
  race<T>(work: Promise<T>): Promise<T>;
  stop(): void;
}

/** @param timeoutMs from now */
export function endingOf({
  timeoutMs,
  signal,
}: {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}): Ending {
  const own = new AbortController();
  const abort = (): void =>
    own.abort(new RecantError('aborted', 'The action was aborted; its tool may go on, and may take effect.', { cause: signal?.reason }));
  const late = (): void =>
    own.abort(new RecantError('timed_out', `The action took longer than ${timeoutMs} ms; its tool may go on, and may take effect.`));
  const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  return {
    signal: own.signal,
    async race(work) {
      let given: () => void = () => undefined;
      const ended = new Promise<never>((_, reject) => {
        given = () => reject(own.signal.reason);
        if (own.signal.aborted) given();
        else own.signal.addEventListener('abort', given, { once: true });
      });
      // Nobody listens to the one that ends later.
      work.catch(() => undefined);
      ended.catch(() => undefined);
      return Promise.race([work, ended]).finally(() => own.signal.removeEventListener('abort', given));
    },
    stop() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
}

/** Longest time of a timer. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
export const isTimeout = (timeoutMs: unknown): boolean =>
  Number.isSafeInteger(timeoutMs) && (timeoutMs as number) > 0 && (timeoutMs as number) <= TIMEOUT_MS_MAX;
