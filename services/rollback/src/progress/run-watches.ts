import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunProgressView } from '@recant/api';
import { isRunEnd } from '@recant/runner';
import type { ReadRunProgress, StoredRunProgress } from '@recant/store';
import { viewOfProgress } from './view.ts';

/** Milliseconds between two reads of a run, which is how often its viewers get a snapshot at most. */
const POLL_MS = 500;
/** Share of the time that reading a large run may take: the pause is at least so many times the read. */
const PAUSE_FACTOR = 10;
const DIGEST_LENGTH = 16;

export interface ProgressEvent {
  /** `<milliseconds by the database's clock>-<start of the snapshot's digest>`: grows along a stream, and is the same for the same snapshot in every process. */
  readonly id: string;
  /** A snapshot as JSON. */
  readonly data: string;
}

/** One reader of one run's snapshots. */
export interface RunViewer {
  /** True if the run has ended and `after` was its last event. */
  readonly isOver: boolean;
  /** The newest snapshot that the viewer does not have yet, as soon as there is one; undefined once none follows, reading fails, or the signal aborts. */
  next(signal: AbortSignal): Promise<ProgressEvent | undefined>;
  close(): void;
}

/** All viewers of a run share its reads; a run without viewers is not read. */
export interface RunWatches {
  /** Undefined: the tenant has no such run. @param after id of the last event that the viewer has */
  open(tenant: string, run: string, after?: string): Promise<RunViewer | undefined>;
}

export function createRunWatches(read: ReadRunProgress, everyMs = POLL_MS): RunWatches {
  const watches = new Map<string, RunWatch>();
  return {
    async open(tenant, run, after) {
      const key = JSON.stringify([tenant, run]);
      const known = watches.get(key);
      const watch = known?.isReading ? known : new RunWatch(() => read(tenant, run), everyMs);
      watches.set(key, watch);
      const leave = watch.enter();
      const close = () => {
        if (leave() && watches.get(key) === watch) watches.delete(key);
      };
      let found = false;
      try {
        // Shows what the caller changed just before, such as a retry.
        found = await watch.refresh();
      } finally {
        if (!found) close();
      }
      if (!found) return undefined;
      watch.keepReading();
      return viewerOf(watch, after, close);
    },
  };
}

interface Snapshot {
  readonly atMs: number;
  readonly digest: string;
  readonly data: string;
}

class RunWatch {
  latest: Snapshot | undefined;
  /** False after the run's end, a failed read, or without viewers. */
  isReading = true;
  hasEnded = false;
  readonly #read: () => Promise<StoredRunProgress | undefined>;
  readonly #everyMs: number;
  readonly #idle = new AbortController();
  #viewers = 0;
  #looping = false;
  #changed = Promise.withResolvers<void>();
  #running: Promise<unknown> = Promise.resolve();
  #queued: Promise<boolean> | undefined;

  constructor(read: () => Promise<StoredRunProgress | undefined>, everyMs: number) {
    this.#read = read;
    this.#everyMs = everyMs;
  }

  /** @returns what takes the viewer off: true for the last one */
  enter(): () => boolean {
    this.#viewers += 1;
    return () => {
      this.#viewers -= 1;
      if (this.#viewers > 0) return false;
      this.#stop();
      return true;
    };
  }

  /** Resolves when there is another snapshot, or there will be none. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** One read that begins after the call, and is shared with all who ask before it begins. @returns false: the tenant has no such run. @throws as the read */
  refresh(): Promise<boolean> {
    this.#queued ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#queued = undefined;
        const update = this.#update();
        this.#running = update;
        return update;
      });
    return this.#queued;
  }

  /** Reads until the run ends or nobody watches. */
  keepReading(): void {
    if (this.#looping) return;
    this.#looping = true;
    void this.#loop();
  }

  async #loop(): Promise<void> {
    let tookMs = 0;
    while (this.isReading) {
      const pauseMs = Math.max(this.#everyMs, PAUSE_FACTOR * tookMs);
      await delay(pauseMs, undefined, { signal: this.#idle.signal }).catch(() => undefined);
      if (!this.isReading) return;
      const startedMs = performance.now();
      // A store that is away ends the streams: the clients connect again, and are told then.
      if (!(await this.refresh().catch(() => false))) this.#stop();
      tookMs = performance.now() - startedMs;
    }
  }

  async #update(): Promise<boolean> {
    const found = await this.#read();
    if (!found) return false;
    const data = JSON.stringify(viewOfProgress(found) satisfies RunProgressView);
    const digest = createHash('sha256').update(data).digest('hex').slice(0, DIGEST_LENGTH);
    this.hasEnded = isRunEnd(found.state);
    if (digest !== this.latest?.digest) {
      this.latest = { atMs: found.atMs, digest, data };
      this.#wake();
    }
    if (this.hasEnded) this.#stop();
    return true;
  }

  #wake(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }

  #stop(): void {
    this.isReading = false;
    this.#idle.abort();
    this.#wake();
  }
}

function viewerOf(watch: RunWatch, after: string | undefined, close: () => void): RunViewer {
  const [afterMs, afterDigest] = after?.split('-') ?? [];
  let seen = { atMs: Number(afterMs ?? 0), digest: afterDigest };
  const unseen = () => (watch.latest?.digest === seen.digest ? undefined : watch.latest);
  return {
    isOver: watch.hasEnded && unseen() === undefined,
    async next(signal) {
      for (;;) {
        const { changed } = watch;
        const snapshot = unseen();
        if (snapshot) {
          // The clock may have been set back.
          seen = { atMs: Math.max(snapshot.atMs, seen.atMs + 1), digest: snapshot.digest };
          return { id: `${seen.atMs}-${seen.digest}`, data: snapshot.data };
        }
        if (!watch.isReading || signal.aborted) return undefined;
        await untilAborted(changed, signal);
      }
    },
    close,
  };
}

/** Leaves no listener behind. */
async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const abort = () => resolve();
  signal.addEventListener('abort', abort, { once: true });
  await Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', abort));
}
