import * as http from 'node:http';
import * as https from 'node:https';
import { keyReader } from '../api-key.ts';
import type { FreezeRule } from '../permission/freeze-rule.ts';
import { type LeaseAnswer, type Transport, TransportError } from '../transport.ts';
import { baseOf, type LedgerAddress } from './request.ts';
import { memberOf, readJson, refusalOf, textOf } from './response.ts';

/** Milliseconds that an answer may take beyond the requested wait. */
const ANSWER_MS_MAX = 5_000;
const ANSWER_BYTES_MAX = 4_194_304;

/**
 * Asks `POST /v1/lease`, which may wait for a change. Not by `fetch`: a waiting request must not keep the process running, which only the socket of
 * `node:http` allows. @throws RecantError `options_invalid`
 */
export function leaseAt(address: LedgerAddress): NonNullable<Transport['lease']> {
  const url = new URL('v1/lease', baseOf(address.url));
  const readKey = keyReader(address.apiKey);
  const agent = url.protocol === 'https:' ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });
  return async ({ source, agent: name, applied, waitMs, fences }, signal) => {
    const headers = { authorization: `Bearer ${(await readKey()).text}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ source, agent: name, applied, waitMs, ...(fences && { fences }) });
    const timed = AbortSignal.any([signal, AbortSignal.timeout(waitMs + ANSWER_MS_MAX)]);
    const response = await post(url, { agent, headers, signal: timed, method: 'POST' }, body);
    if (response.ok) return answerOf(await readJson(response));
    const { code, detail } = await refusalOf(response);
    throw new TransportError(`the ledger refused a lease (${code}): ${detail}`);
  };
}

function post(url: URL, options: http.RequestOptions, body: string): Promise<Response> {
  const { promise, resolve, reject } = deferred<Response>();
  const fail = (cause: Error & { code?: string }) =>
    reject(new TransportError(`the ledger at ${url.origin} is unreachable (${cause.code ?? cause.message})`, { cause }));
  const request = (url.protocol === 'https:' ? https : http).request(url, options, (incoming) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) incoming.destroy(new Error('the answer is too large'));
      else chunks.push(chunk);
    });
    incoming.on('error', fail);
    incoming.on('end', () => {
      const headers = new Headers();
      for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
      resolve(new Response(Buffer.concat(chunks), { status: incoming.statusCode ?? 500, headers }));
    });
  });
  request.on('socket', (socket) => socket.unref());
  request.on('error', fail);
  request.end(body);
  return promise;
}

function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}

/** @throws TransportError for a malformed answer */
function answerOf(answer: unknown): LeaseAnswer {
  const [version, granted, leaseMs] = ['version', 'granted', 'leaseMs'].map((name) => memberOf(answer, name));
  const freezes = memberOf(answer, 'freezes');
  if (typeof version !== 'number' || typeof granted !== 'boolean' || typeof leaseMs !== 'number' || !Array.isArray(freezes))
    throw new TransportError('invalid answer of the ledger: no lease');
  const fences = memberOf(answer, 'fences');
  return {
    ...{ version, granted, leaseMs },
    freezes: freezes.map(ruleOf),
    ...(Array.isArray(fences) && { fences: fences.filter((key) => typeof key === 'string') }),
  };
}

function ruleOf(rule: unknown): FreezeRule {
  const text = (name: string): string => textOf(rule, name) ?? '';
  const value = textOf(rule, 'value');
  return {
    freeze: text('freeze'),
    scope: text('scope'),
    ...(value === undefined ? {} : { value }),
    reason: text('reason'),
    by: text('by'),
    orderedAt: text('orderedAt'),
  };
}
