import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface Answer {
  readonly status: number;
  /** `retry-after` in seconds, as milliseconds. */
  readonly retryAfterMs?: number;
  /** The first ANSWER_BYTES_MAX bytes of the body, or what of them came in time. */
  readonly text: string;
}

/** Milliseconds. */
export interface PostLimits {
  /** Look-up of the name, connection and TLS. */
  readonly connectMs: number;
  /** Everything, the answer included. */
  readonly wholeMs: number;
}

const LIMITS: PostLimits = { connectMs: 5_000, wholeMs: 15_000 };
const ANSWER_BYTES_MAX = 4_096;

/** No answer. Its message is one line without the address, whose path may be a secret. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
}

/**
 * Sends one POST and reads the answer, with a connection of its own: no redirect is followed, no proxy is used, and no more than ANSWER_BYTES_MAX bytes are read.
 * An answer whose body is late or broken counts by its status.
 * @throws WebhookError without an answer in time, or `signal`'s reason
 */
export function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal?: AbortSignal,
  { connectMs, wholeMs } = LIMITS,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const outgoing = send(url, {
    method: 'POST',
    agent: false,
    headers: { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' },
    ...(signal && { signal }),
  });
  const fail = (what: string, cause?: unknown): void => {
    reject(signal?.aborted ? signal.reason : new WebhookError(what, { cause }));
    outgoing.destroy();
  };
  const connecting = setTimeout(() => fail(`no connection within ${connectMs} ms`), connectMs);
  const whole = setTimeout(() => fail(`no answer within ${wholeMs} ms`), wholeMs);
  outgoing.on('socket', (socket) => {
    socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
  });
  outgoing.on('error', (error: NodeJS.ErrnoException) => fail(reasonOf(error), error));
  outgoing.on('response', (incoming) => {
    clearTimeout(connecting);
    clearTimeout(whole);
    void readAnswer(incoming, wholeMs).then((answer) => {
      resolve(answer);
      outgoing.destroy();
    });
  });
  outgoing.end(body);
  return promise.finally(() => {
    clearTimeout(connecting);
    clearTimeout(whole);
  });
}

function readAnswer(incoming: IncomingMessage, msMax: number): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const seconds = /^\d{1,6}$/.exec(incoming.headers['retry-after'] ?? '')?.[0];
  const end = (): void => {
    clearTimeout(late);
    const text = Buffer.concat(chunks).subarray(0, ANSWER_BYTES_MAX).toString().toWellFormed();
    resolve({ status: incoming.statusCode ?? 0, text, ...(seconds === undefined ? {} : { retryAfterMs: Number(seconds) * 1_000 }) });
  };
  const late = setTimeout(end, msMax);
  incoming.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= ANSWER_BYTES_MAX) end();
  });
  incoming.on('end', end).on('error', end).on('close', end);
  return promise;
}

/** A message of Node's TLS may name the host, which configuration shows anyway; that of a connection names address and port. */
function reasonOf(error: NodeJS.ErrnoException): string {
  const { code, message } = error;
  return code !== undefined && /^E[A-Z]+$/.test(code) ? (REASONS[code] ?? code) : message.split('\n')[0] || 'connection failed';
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection closed without an answer',
  ENOTFOUND: 'unknown host name',
  EPIPE: 'connection closed without an answer',
};
