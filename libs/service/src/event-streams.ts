import { ApiFault, EVENTS_MEDIA_TYPE } from '@recant/api';
import type { Response } from 'express';
import type { Payer } from './rate-limit.ts';
import { stoppingOf } from './stopping.ts';

export interface ServerEvent {
  /** Without line breaks. */
  readonly id: string;
  /** One line. */
  readonly data: string;
}

/** What a handler returns for a response with `events`. */
export interface EventStream {
  /** Milliseconds after which the stream ends. 0: what `next` has at once, without a place among the open streams. */
  readonly durationMs: number;
  /**
   * The next event as soon as there is one; undefined: none follows, or the signal was aborted and there is none yet. Called only once the reader took the event
   * before, so that a slow one gets the newest and nothing is queued for it.
   */
  next(signal: AbortSignal): Promise<ServerEvent | undefined>;
  /** Called once, whatever happens. */
  close(): void;
}

export interface StreamLimits {
  readonly streams: number;
  readonly streamsOfTenant: number;
  readonly streamsOfKey: number;
}
/** Per process: far below its connections. */
export const STREAM_LIMITS: StreamLimits = { streams: 512, streamsOfTenant: 256, streamsOfKey: 16 };
/** Retry-After of a refused stream. */
const RETRY_AFTER_SECONDS = 5;

export interface OpenStreams {
  /** @returns what gives the place back. @throws ApiFault `too_many_streams` */
  open(payer: Pick<Payer, 'tenant' | 'id'>): () => void;
  readonly count: number;
  readonly max: number;
}

export function createOpenStreams({ streams, streamsOfTenant, streamsOfKey }: StreamLimits = STREAM_LIMITS): OpenStreams {
  const open = new Map<string, number>();
  const count = (name: string, change: 1 | -1): void => {
    const left = (open.get(name) ?? 0) + change;
    if (left === 0) open.delete(name);
    else open.set(name, left);
  };
  return {
    max: streams,
    get count() {
      return open.get('all') ?? 0;
    },
    open({ tenant, id }) {
      const places = [
        { name: 'all', whose: 'service', max: streams },
        { name: `tenant ${tenant}`, whose: 'tenant', max: streamsOfTenant },
        { name: `key ${tenant} ${id}`, whose: 'caller', max: streamsOfKey },
      ];
      const full = places.findLast(({ name, max }) => (open.get(name) ?? 0) >= max);
      if (full)
        throw new ApiFault('too_many_streams', `This ${full.whose} has ${full.max} open event streams, as many as it may.`, {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        });
      for (const { name } of places) count(name, 1);
      return () => {
        for (const { name } of places) count(name, -1);
      };
    },
  };
}

/** Milliseconds between two comments: proxies and clients end connections that are silent for long. */
const BEAT_MS = 5_000;
/** Milliseconds that a reader has for the last event. */
const LAST_MS = 1_000;
/** Milliseconds after which a client connects again. */
const RETRY_MS = 1_000;

/** Sends events until there are none, the time is over, the client is gone or the listener stops. Never rejects once the first byte is sent. */
export async function sendEvents(response: Response, stream: EventStream, gone: AbortSignal): Promise<void> {
  const end = new AbortController();
  const abort = () => end.abort();
  const { socket } = response.req;
  const signals = [gone, stoppingOf(socket)].filter((signal) => signal !== undefined);
  for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(abort, stream.durationMs);
  if (stream.durationMs === 0 || response.req.method === 'HEAD' || signals.some(({ aborted }) => aborted)) abort();
  // A connection of its own: no request waits behind the stream.
  response.set({ 'x-accel-buffering': 'no', connection: 'close' });
  // Express's own setter would add a charset.
  response.setHeader('content-type', EVENTS_MEDIA_TYPE);
  const beat = setInterval(() => response.writableNeedDrain || response.write(':\n\n'), BEAT_MS);
  try {
    response.write(`retry: ${RETRY_MS}\n\n`);
    for (;;) {
      const event = await stream.next(end.signal);
      if (event === undefined) break;
      if (!response.write(`id: ${event.id}\ndata: ${event.data}\n\n`)) await drained(response, end.signal);
      if (end.signal.aborted) break;
    }
  } finally {
    clearInterval(beat);
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', abort);
  }
  const cut = setTimeout(() => response.destroy(), LAST_MS);
  response.once('close', () => clearTimeout(cut)).end();
}

function drained(response: Response, signal: AbortSignal): Promise<void> {
  if (signal.aborted || !response.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
