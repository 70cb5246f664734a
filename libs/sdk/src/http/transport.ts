import { MEDIA_TYPE_BATCH } from '@recant/events';
import { RecantError } from '../error.ts';
import { type Outgoing, type SendResult, type Transport, TransportError } from '../transport.ts';
import { receiptsOf, refusalOf } from './answer.ts';

export interface HttpTransportOptions {
  /** Where the ledger listens, for instance `http://127.0.0.1:7717`. */
  readonly url: string;
  readonly apiKey: string;
  /** How long one request may take. */
  readonly requestTimeoutMs?: number;
}

const REQUEST_TIMEOUT_MS = 15_000;
/** Refusals of a whole batch that may be the fault of one event in it: sent again in halves. */
const PERHAPS_ONE = new Set(['http_400', 'http_413', 'malformed_json', 'too_large', 'batch_too_long']);

/** Events in batches by `POST /v1/events`, parts by `PUT /v1/parts/<digest>`, over the connections that the global fetch keeps alive. */
export function httpTransport(options: HttpTransportOptions): Transport {
  const base = baseOf(options.url);
  const timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const authorization = `Bearer ${options.apiKey}`;

  const request = async (path: string, method: string, headers: Record<string, string>, body: Uint8Array, signal: AbortSignal) => {
    try {
      return await fetch(new URL(path, base), {
        method,
        headers: { ...headers, authorization },
        body: body as Uint8Array<ArrayBuffer>,
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
    } catch (cause) {
      throw new TransportError(`the ledger at ${base.origin} does not answer (${reasonOf(cause)})`, { cause });
    }
  };

  const putPart = async (item: Outgoing, part: NonNullable<Outgoing['part']>, signal: AbortSignal): Promise<SendResult> => {
    const headers = { 'content-type': 'application/octet-stream', 'recant-salt': part.salt };
    const response = await request(`v1/parts/${part.digest}`, 'PUT', headers, item.bytes, signal);
    if (!response.ok) return refusalOf(response);
    await response.body?.cancel();
    return { kind: 'acknowledged' };
  };

  const postEvents = async (items: readonly Outgoing[], signal: AbortSignal): Promise<readonly SendResult[]> => {
    const headers: Record<string, string> = { 'content-type': MEDIA_TYPE_BATCH };
    const traceparent = items.length === 1 ? items[0]?.traceparent : undefined;
    if (traceparent !== undefined) headers.traceparent = traceparent;
    const response = await request('v1/events', 'POST', headers, joinBatch(items), signal);
    if (response.ok) return receiptsOf(response, items.length);
    const refusal = await refusalOf(response);
    if (items.length === 1 || !PERHAPS_ONE.has(refusal.code)) return items.map(() => refusal);
    const half = items.length >> 1;
    return [...(await postEvents(items.slice(0, half), signal)), ...(await postEvents(items.slice(half), signal))];
  };

  return {
    async send(items, signal) {
      const results: SendResult[] = [];
      for (let from = 0; from < items.length; ) {
        const item = items[from] as Outgoing;
        if (item.part !== undefined) {
          results.push(await putPart(item, item.part, signal));
          from += 1;
          continue;
        }
        let to = from + 1;
        while (to < items.length && items[to]?.part === undefined) to += 1;
        results.push(...(await postEvents(items.slice(from, to), signal)));
        from = to;
      }
      return results;
    },
    close: async () => {},
  };
}

/** fetch says "fetch failed", and why in its cause: `ECONNREFUSED`, `CERT_HAS_EXPIRED`, ... */
function reasonOf(error: unknown): string {
  const { code } = ((error as Error).cause ?? error) as { code?: unknown };
  return typeof code === 'string' ? code : (error as Error).name;
}

function baseOf(url: string): URL {
  const base = URL.canParse(url) ? new URL(url.endsWith('/') ? url : `${url}/`) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol))
    throw new RecantError('options_invalid', 'url must be the http(s) address of the ledger.');
  return base;
}

/** `[a,b]` of the events' own bytes: what was hashed and what is sent stay the same. */
function joinBatch(items: readonly Outgoing[]): Uint8Array {
  const body = Buffer.allocUnsafe(items.reduce((sum, { bytes }) => sum + bytes.length + 1, 1));
  let at = 0;
  for (const { bytes } of items) {
    body[at] = at === 0 ? 0x5b : 0x2c;
    body.set(bytes, at + 1);
    at += bytes.length + 1;
  }
  body[at] = 0x5d;
  return body;
}
