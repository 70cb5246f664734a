import { PROBLEM_MEDIA_TYPE, Problem, REASON_HEADER } from '@recant/api';
import { ApiError, ConnectionError } from './error.ts';

export type ClientOptions = {
  /** Base URL, for instance `http://127.0.0.1:7300`. */
  readonly url: string;
  /** Milliseconds per request, including its response. */
  readonly timeoutMs?: number;
  /** Why the caller acts, recorded with each act. At most REASON_BYTES_MAX bytes. */
  readonly reason?: string;
  readonly fetch?: typeof fetch;
} & (
  | {
      /** An API key, or a person's access token from the OpenID provider. */
      readonly apiKey: string;
    }
  | {
      /** The local person of `recant up`. */
      readonly person: { readonly name: string; readonly password: string };
    }
);

export const TIMEOUT_MS_DEFAULT = 30_000;
/** Limit in bytes of one response. */
const ANSWER_BYTES_MAX = 67_108_864;

export type QueryValue = string | number | boolean | readonly string[] | undefined;

export interface Call {
  readonly method: string;
  /** Path template of the route: `/v1/actions/{action}`. */
  readonly path: string;
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly json?: unknown;
  readonly bytes?: { readonly body: Uint8Array; readonly mediaType: string };
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Statuses other than 2xx with a regular body instead of a problem document. */
  readonly answers?: readonly number[];
  /** The response is plain text, returned unparsed. */
  readonly text?: true;
}

export type Transport = <T>(call: Call) => Promise<T>;

/** Sends one request. @throws ApiError for a problem document, ConnectionError without a readable response */
export function createTransport(options: ClientOptions): Transport {
  const send = options.fetch ?? fetch;
  const authorization = authorizationOf(options);
  return async <T>(call: Call): Promise<T> => {
    const url = urlOf(options.url, call);
    const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS_DEFAULT);
    const init: RequestInit = {
      method: call.method,
      headers: headersOf(call, authorization, options.reason),
      signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
      redirect: 'error',
      ...bodyOf(call),
    };
    let response: Response;
    let text: string;
    try {
      response = await send(url, init);
      text = await readText(response);
    } catch (cause) {
      if (call.signal?.aborted) throw cause;
      throw new ConnectionError(options.url, reasonOf(cause), cause);
    }
    if (response.ok && call.text) return text as T;
    if (response.ok || call.answers?.includes(response.status)) return (text === '' ? undefined : parse(options.url, text)) as T;
    throw refusalOf(options.url, response, text);
  };
}

/** Bytes of a response as they arrive. Undefined: it has none (204). */
export type StreamTransport = (call: Call) => Promise<AsyncGenerator<Uint8Array, void> | undefined>;

/** Milliseconds without a byte after which a connection counts as dead: three heartbeats. */
const SILENT_MS_MAX = 15_000;

/** As `createTransport`; a stream that breaks or is silent throws ConnectionError while it is read. */
export function createStreamTransport(options: ClientOptions, silentMs = SILENT_MS_MAX): StreamTransport {
  const send = options.fetch ?? fetch;
  const authorization = authorizationOf(options);
  return async (call) => {
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new DOMException('no byte in time', 'TimeoutError')),
      options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
    );
    const failure = (cause: unknown) => (call.signal?.aborted ? cause : new ConnectionError(options.url, reasonOf(cause), cause));
    let response: Response;
    let refusal = '';
    try {
      response = await send(urlOf(options.url, call), {
        method: call.method,
        headers: headersOf(call, authorization, options.reason),
        signal: call.signal ? AbortSignal.any([call.signal, late.signal]) : late.signal,
        redirect: 'error',
      });
      if (!response.ok) refusal = await readText(response);
    } catch (cause) {
      throw failure(cause);
    } finally {
      clearTimeout(timer);
    }
    if (!response.ok) throw refusalOf(options.url, response, refusal);
    return response.status === 204 || response.body === null ? undefined : chunksOf(response.body, late, silentMs, failure);
  };
}

async function* chunksOf(body: ReadableStream<Uint8Array>, late: AbortController, silentMs: number, failure: (cause: unknown) => unknown) {
  const reader = body.getReader();
  try {
    for (;;) {
      const timer = setTimeout(() => late.abort(new DOMException('no byte in time', 'TimeoutError')), silentMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw failure(cause);
  } finally {
    // Also where the caller stops reading: closes the connection.
    await reader.cancel().catch(() => undefined);
  }
}

function urlOf(base: string, call: Call): URL {
  const path = call.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(call.params?.[name])));
  const url = new URL(`${base.replace(/\/+$/, '')}${path}`);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(each));
  }
  return url;
}

function authorizationOf(options: ClientOptions): string {
  if ('apiKey' in options) return `Bearer ${options.apiKey}`;
  const { name, password } = options.person;
  return `Basic ${btoa(`${name}:${password}`)}`;
}

function headersOf(call: Call, authorization: string, reason: string | undefined): Record<string, string> {
  const type = call.bytes?.mediaType ?? (call.json === undefined ? undefined : 'application/json');
  return {
    authorization,
    accept: `application/json, ${PROBLEM_MEDIA_TYPE}`,
    ...(type === undefined ? {} : { 'content-type': type }),
    ...(reason === undefined || call.method === 'GET' ? {} : { [REASON_HEADER]: encodeURIComponent(reason) }),
    ...call.headers,
  };
}

function bodyOf(call: Call): { body?: NonNullable<RequestInit['body']> } {
  if (call.bytes) return { body: call.bytes.body as Uint8Array<ArrayBuffer> };
  return call.json === undefined ? {} : { body: JSON.stringify(call.json) };
}

async function readText(response: Response): Promise<string> {
  const length = Number(response.headers.get('content-length') ?? 0);
  if (length > ANSWER_BYTES_MAX) throw new Error(`response of ${length} bytes; limit ${ANSWER_BYTES_MAX}`);
  return response.text();
}

function parse(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConnectionError(url, 'the answer is not JSON', cause);
  }
}

function refusalOf(url: string, response: Response, text: string): Error {
  const isProblem = response.headers.get('content-type')?.startsWith(PROBLEM_MEDIA_TYPE) ?? false;
  const problem = isProblem ? Problem.safeParse(parse(url, text)) : undefined;
  if (!problem?.success) return new ConnectionError(url, `status ${response.status} from a server that is not Recant`);
  const after = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new ApiError(problem.data, Number.isFinite(after) ? after : undefined);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'timed out';
  const cause = error.cause as { code?: string; message?: string } | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}
