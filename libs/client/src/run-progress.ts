import { EVENTS_MEDIA_TYPE, type RunProgressView, watchRun } from '@recant/api';
import { ApiError, ConnectionError } from './error.ts';
import { pause } from './pause.ts';
import { eventsOf } from './server-events.ts';
import type { StreamTransport } from './transport.ts';

export interface FollowOptions {
  /** Ends the iteration, not the run. */
  readonly signal?: AbortSignal;
  /** Milliseconds between two snapshots where no stream can be opened. Default: 1000. */
  readonly pollMs?: number;
  /** Milliseconds without any answer after which the last error is thrown. Default: 60,000. */
  readonly awayMs?: number;
}

export interface ProgressClient {
  /** How far a run is now. */
  runProgress(run: string): Promise<RunProgressView>;
  /**
   * How far a run is, whenever that changes, until it has ended: the last snapshot has the state `finished` or `cancelled`. Resumes after a lost connection or a restart of the
   * service without a snapshot twice; polls where streams are refused (`too_many_streams`) or do not get through. @throws ApiError, such as `unauthenticated` once the key is
   * revoked (after 25 s at most); ConnectionError after `awayMs` without an answer
   */
  followRun(run: string, options?: FollowOptions): AsyncGenerator<RunProgressView, void>;
}

const POLL_MS = 1_000;
const AWAY_MS = 60_000;
/** Milliseconds before the first new connection; doubles with each that fails. */
const RECONNECT_MS = 250;
const RECONNECT_MS_MAX = 5_000;
/** Polls before the next stream is tried. */
const POLLS = 30;
/** Streams that break, one after the other, before polling. */
const BROKEN_MAX = 2;
const RETRY_AFTER_SECONDS_MAX = 30;

export function progressClient(open: StreamTransport): ProgressClient {
  return {
    async runProgress(run) {
      for await (const { progress } of snapshots(open, { run, seconds: 0 })) return progress;
      throw new ConnectionError('the service', 'an empty stream');
    },
    followRun: (run, options = {}) => new Following(open, run, options).follow(),
  };
}

interface Asked {
  readonly run: string;
  /** 0: one snapshot. */
  readonly seconds?: number;
  /** Id of the last event. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @returns true if the run has ended and `after` was its last event */
async function* snapshots(
  open: StreamTransport,
  { run, seconds, after, signal }: Asked,
): AsyncGenerator<{ readonly id: string; readonly progress: RunProgressView }, boolean> {
  const chunks = await open({
    method: 'GET',
    path: watchRun.path,
    params: { run },
    query: { seconds },
    headers: { accept: EVENTS_MEDIA_TYPE, ...(after === undefined ? {} : { 'last-event-id': after }) },
    ...(signal && { signal }),
  });
  if (chunks === undefined) return true;
  for await (const { id, data } of eventsOf(chunks)) yield { id, progress: JSON.parse(data) as RunProgressView };
  return false;
}

const hasEnded = ({ state }: RunProgressView): boolean => state === 'finished' || state === 'cancelled';

class Following {
  readonly #open: StreamTransport;
  readonly #run: string;
  readonly #signal: AbortSignal;
  readonly #pollMs: number;
  readonly #awayMs: number;
  #lastId: string | undefined;
  /** Polls to go before the next stream. */
  #polls = 0;
  /** Requests that failed since the last answer. */
  #failures = 0;
  /** Connections that broke one after the other. */
  #broken = 0;
  #answeredMs = performance.now();

  constructor(open: StreamTransport, run: string, { signal, pollMs = POLL_MS, awayMs = AWAY_MS }: FollowOptions) {
    this.#open = open;
    this.#run = run;
    this.#signal = signal ?? new AbortController().signal;
    this.#pollMs = pollMs;
    this.#awayMs = awayMs;
  }

  async *follow(): AsyncGenerator<RunProgressView, void> {
    while (!this.#signal.aborted) {
      let pauseMs: number;
      try {
        if (yield* this.#stream()) return;
        this.#answered();
        this.#broken = 0;
        pauseMs = this.#polls > 0 ? this.#pollMs : RECONNECT_MS;
      } catch (error) {
        if (this.#signal.aborted) return;
        pauseMs = this.#pauseAfter(error);
      }
      await pause(pauseMs, this.#signal);
    }
  }

  /** One request. @returns true if nothing follows */
  async *#stream(): AsyncGenerator<RunProgressView, boolean> {
    if (this.#polls > 0) this.#polls -= 1;
    const asked = { run: this.#run, after: this.#lastId, signal: this.#signal };
    const stream = snapshots(this.#open, this.#polls > 0 ? { ...asked, seconds: 0 } : asked);
    try {
      for (;;) {
        const { done, value } = await stream.next();
        if (done) return value;
        this.#answered();
        this.#lastId = value.id;
        yield value.progress;
        if (hasEnded(value.progress)) return true;
      }
    } finally {
      await stream.return(false);
    }
  }

  #answered(): void {
    this.#failures = 0;
    this.#answeredMs = performance.now();
  }

  /** Milliseconds until the next request. @throws the error where another request would not help, or helped for too long not */
  #pauseAfter(error: unknown): number {
    if (error instanceof ApiError && error.code === 'too_many_streams') {
      this.#polls = POLLS;
      return 0;
    }
    const mayPass = error instanceof ConnectionError || (error instanceof ApiError && error.problem.retry !== 'never');
    if (!mayPass || performance.now() - this.#answeredMs >= this.#awayMs) throw error;
    this.#failures += 1;
    if (error instanceof ConnectionError) this.#broken += 1;
    if (this.#broken >= BROKEN_MAX && this.#polls === 0) this.#polls = POLLS;
    const backOffMs = Math.min(RECONNECT_MS * 2 ** (this.#failures - 1), RECONNECT_MS_MAX);
    const { retryAfterSeconds = 0 } = error as Partial<ApiError>;
    return Math.max(backOffMs, 1_000 * Math.min(retryAfterSeconds, RETRY_AFTER_SECONDS_MAX));
  }
}
