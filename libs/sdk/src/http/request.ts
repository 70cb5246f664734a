import { type ApiKeySource, keyReader } from '../api-key.ts';
import { RecantError } from '../error.ts';
import { TransportError } from '../transport.ts';

export interface LedgerAddress {
  /** Base URL of the ledger, such as `http://127.0.0.1:7300`. */
  readonly url: string;
  readonly apiKey: ApiKeySource;
  /** Timeout of one request. Default: 15,000. */
  readonly requestTimeoutMs?: number;
}

export interface LedgerRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Relative path without a leading slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

const REQUEST_TIMEOUT_MS = 15_000;

/** @returns a function that sends a request to one ledger and rejects with TransportError. @throws RecantError `options_invalid` */
export function requester(address: LedgerAddress): (request: LedgerRequest, signal: AbortSignal) => Promise<Response> {
  const base = baseOf(address.url);
  const timeoutMs = address.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const readKey = keyReader(address.apiKey);
  return async ({ method, path, headers, body }, signal) => {
    const authorization = `Bearer ${(await readKey()).text}`;
    try {
      return await fetch(new URL(path, base), {
        method,
        headers: { ...headers, authorization },
        ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
    } catch (cause) {
      throw new TransportError(`the ledger at ${base.origin} is unreachable (${reasonOf(cause)})`, { cause });
    }
  };
}

/** @throws RecantError `options_invalid` */
export function baseOf(url: string): URL {
  const base = URL.canParse(url) ? new URL(url.endsWith('/') ? url : `${url}/`) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol))
    throw new RecantError('options_invalid', 'url must be the http or https URL of the ledger.');
  return base;
}

/** The error code, else the message, in the cause of "fetch failed": `ECONNREFUSED`, `CERT_HAS_EXPIRED`, ... */
function reasonOf(error: unknown): string {
  const { name, cause } = error as Error;
  if (name === 'TimeoutError') return name;
  const { code, message } = (cause ?? error) as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? code : String(message ?? name);
}
