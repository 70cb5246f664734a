import { ApiFault, isAct, REASON_HEADER } from '@recant/api';
import { isReason, type JsonObject, REASON_BYTES_MAX } from '@recant/events';
import type { ByteBudget } from '@recant/queues';
import type { Request, Response } from 'express';
import type { Act, ActEnd, ActRecorder } from './acts/port.ts';
import { type Authenticators, authenticate, authorize, KeyRefusal } from './authenticate.ts';
import { bodyBytesMax, checkBodyHead, discardBody, parseJson, type RawBody, readBody } from './body.ts';
import { actorOf, type Caller } from './caller.ts';
import { isReserved, requireRoom } from './connections.ts';
import { type EventStream, type OpenStreams, sendEvents } from './event-streams.ts';
import type { Logger } from './log.ts';
import { maskSecrets } from './mask.ts';
import { isOperator } from './operators.ts';
import type { OutageMemory } from './outage.ts';
import { parseParts, parsePath, parseQuery } from './parameters.ts';
import type { Cost, Payer, RateLimits } from './rate-limit.ts';
import type { ReadTurns } from './reads.ts';
import type { BoundRoute, RequestOf } from './router.ts';

/** Retry-After of a refused request. */
const RETRY_AFTER_SECONDS = 1;
/** Milliseconds for which the authentication of a person counts as fresh. */
const PERSON_FRESH_MS = 1_000;
/** Callers of public routes, who share the streams of one key. */
const NOBODY = { tenant: '', id: '' };

export interface Serving extends Authenticators {
  readonly budget: ByteBudget;
  readonly limits: RateLimits;
  readonly reads: ReadTurns;
  readonly outage: OutageMemory;
  readonly streams: OpenStreams;
  /** Set unless all routes are public (`createApp` checks it). */
  readonly acts: ActRecorder | undefined;
}

/** Runs one request: authentication, role, rate, body budget, body, validation, act, handler. No body is read before the first four have passed. */
export async function serve(route: BoundRoute, request: Request, response: Response, serving: Serving, log: Logger): Promise<void> {
  const { descriptor } = route;
  const caller = await admit(route, request, serving, log);
  const admittedMs = performance.now();
  const payer = caller && payerOf(caller);
  if (payer) requireRoom(request.socket, payer.operator);
  else if (isReserved(request.socket)) response.set('connection', 'close');
  const body = await receiveBody(route, request, payer, serving);
  try {
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    // It may have closed while the caller was looked up.
    if (request.socket.destroyed) abort.abort();
    // The parts have the types of this route's descriptor, which BoundRoute does not carry.
    const json = parseBody(route, body);
    const reason = reasonOf(request, json);
    const parsed = {
      params: parsePath(descriptor.params, request.params),
      query: parseQuery(descriptor.query, searchOf(request.originalUrl)),
      headers: parseParts('header', descriptor.headers, request.headers),
      body: json,
      caller,
      reason,
      charge: (cost: Cost) => charge(serving.limits, payer, cost),
      signal: abort.signal,
      log,
    } as unknown as RequestOf<BoundRoute['descriptor']>;
    const execute = async () => {
      if (caller && mustReauthenticate(route, caller, performance.now() - admittedMs))
        authorize(await authenticate(serving, request.headers.authorization, log), descriptor);
      const run = () => route.handler(parsed);
      return caller && descriptor.method === 'get' && !descriptor.duringOutage ? serving.reads.run(caller, abort.signal, run) : run();
    };
    const object = objectOf(request.params);
    const act = { object, ...(reason === undefined ? {} : { reason }), request: String(response.get('request-id')) };
    const answer = await recorded(route, caller, act, serving.acts, execute);
    if (descriptor.responses[answer.status]?.events) await stream(response, answer, payer, serving.streams, abort.signal);
    else send(response, descriptor, answer);
  } catch (error) {
    // The key ended during the request, or an approval is missing. For an act, its end already records the missing approval.
    if (caller && (error instanceof KeyRefusal || (isApprovalMissing(error) && !isAct(descriptor))))
      serving.acts?.refused({ code: error.code, operation: descriptor.operationId, tenant: caller.tenant, actor: actorOf(caller) });
    throw error;
  } finally {
    body?.release();
  }
}

/** Path parameters for the log, secrets masked: a caller may have pasted a whole key in place of its id. */
function objectOf(params: Request['params']): JsonObject {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, maskSecrets([value].flat().join('/'))]));
}

/** Why the caller acts: a member of the body, or else the header, percent-encoded UTF-8. @throws ApiFault `request_invalid` */
function reasonOf({ headers }: Request, body: unknown): string | undefined {
  const { reason } = (typeof body === 'object' && body !== null ? body : {}) as { readonly reason?: unknown };
  if (typeof reason === 'string') return reason;
  const given = headers[REASON_HEADER];
  if (given === undefined) return undefined;
  const decoded = decodedText(String(given));
  if (decoded !== undefined && isReason(decoded)) return decoded;
  throw new ApiFault(
    'request_invalid',
    `Header ${REASON_HEADER}: expected percent-encoded UTF-8 of 1 to ${REASON_BYTES_MAX} bytes without control characters.`,
  );
}

function decodedText(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** A request target may be absolute, with an invalid host (RFC 9112, 3.2.2); only its query matters here. */
function searchOf(url: string): URLSearchParams {
  const [target = ''] = url.split('#', 1);
  const at = target.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : target.slice(at));
}

/**
 * Whether to authenticate again after the body: a slow body lets a key end meanwhile. Always for keys of acts and JSON requests; not for events, whose
 * transaction checks the key, nor for parts, which have no effect without an event. For people only after PERSON_FRESH_MS: checking a password is slow.
 */
function mustReauthenticate({ descriptor }: BoundRoute, { kind }: Caller, sinceMs: number): boolean {
  if (kind === 'person') return descriptor.body !== undefined && sinceMs > PERSON_FRESH_MS;
  return isAct(descriptor) || descriptor.body?.kind === 'json';
}

function isApprovalMissing(error: unknown): error is ApiFault {
  return error instanceof ApiFault && (error.code === 'approval_missing' || error.code === 'approval_expired');
}

/** Records an act in the log before its handler runs, and its end before the answer. */
async function recorded(
  { descriptor }: BoundRoute,
  caller: Caller | undefined,
  about: Pick<Act, 'object' | 'reason' | 'request'>,
  acts: ActRecorder | undefined,
  execute: () => Promise<Answer>,
): Promise<Answer> {
  if (!acts || !caller || !isAct(descriptor)) return execute();
  const { operationId: operation, despiteFullDisk = false } = descriptor;
  const recordEnd = await acts.order({ tenant: caller.tenant, operation, actor: actorOf(caller), despiteFullDisk, ...about });
  try {
    const answer = await execute();
    await recordEnd({ outcome: 'done', ...answer.act });
    return answer;
  } catch (error) {
    await recordEnd(endOf(error));
    throw error;
  }
}

/** A 4xx problem means that nothing was changed. */
function endOf(error: unknown): ActEnd {
  if (!(error instanceof ApiFault)) return { outcome: 'failed', code: 'internal' };
  return { outcome: error.problem().status < 500 ? 'refused' : 'failed', code: error.code };
}

type Answer = Awaited<ReturnType<BoundRoute['handler']>>;

function send(response: Response, { responses }: BoundRoute['descriptor'], { status, headers, body }: Answer): void {
  response.status(status).set(headers ?? {});
  const mediaType = responses[status]?.mediaType;
  if (mediaType !== undefined) {
    // Express's own setter would add a charset.
    response.setHeader('content-type', mediaType);
    response.end(body);
  } else if (body === undefined) response.end();
  else response.json(body);
}

/** Outside of the turns of reads: a stream goes on for long. */
async function stream(response: Response, { body }: Answer, payer: Payer | undefined, streams: OpenStreams, gone: AbortSignal) {
  const events = body as EventStream;
  let giveBack: (() => void) | undefined;
  try {
    if (events.durationMs > 0) giveBack = streams.open(payer ?? NOBODY);
    await sendEvents(response, events, gone);
  } finally {
    giveBack?.();
    events.close();
  }
}

/** Authenticates and authorizes; records refusals. Undefined on public routes. */
async function admit({ descriptor }: BoundRoute, request: Request, serving: Serving, log: Logger): Promise<Caller | undefined> {
  if (descriptor.roles === 'public') return undefined;
  const { operationId: operation } = descriptor;
  let caller: Caller | undefined;
  try {
    const { authorization } = request.headers;
    const ask = () => authenticate(serving, authorization, log);
    caller = await (descriptor.duringOutage ? serving.outage.authenticate(authorization, ask) : ask());
    authorize(caller, descriptor);
    return caller;
  } catch (error) {
    const known = caller ?? (error instanceof KeyRefusal ? error.caller : undefined);
    if (error instanceof ApiFault && error.problem().status < 500)
      serving.acts?.refused({ code: error.code, operation, ...(known && { tenant: known.tenant, actor: actorOf(known) }) });
    await discardBody(request);
    throw error;
  }
}

interface ReceivedBody extends RawBody {
  readonly release: () => void;
}

function payerOf({ tenant, id, roles }: Caller): Payer {
  return { tenant, id, operator: isOperator({ roles }) };
}

/** @throws ApiFault `rate_limited` */
function charge(limits: RateLimits, payer: Payer | undefined, cost: Cost): void {
  const debt = payer && limits.charge(payer, cost);
  if (debt === undefined) return;
  const { whose, kind, perSecond, retryAfterSeconds } = debt;
  throw new ApiFault('rate_limited', `This ${whose} exceeded its limit of ${perSecond} ${kind} per second.`, { retryAfterSeconds });
}

/** Checks type, length, rate and budget before reading the body. A refused body is discarded unparsed. */
async function receiveBody(
  { descriptor }: BoundRoute,
  request: Request,
  payer: Payer | undefined,
  { budget, limits }: Serving,
): Promise<ReceivedBody | undefined> {
  try {
    if (!descriptor.body) {
      charge(limits, payer, { requests: 1 });
      return undefined;
    }
    const head = checkBodyHead(request, descriptor.body);
    charge(limits, payer, { requests: 1, events: 0, bytes: head.bytes });
    const release = budget.reserve(head.bytes, { tenant: payer?.tenant, operator: payer?.operator ?? false });
    if (!release)
      throw new ApiFault('overloaded', 'The request-body limit of this tenant is reached.', {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    try {
      return { bytes: await readBody(request, bodyBytesMax(descriptor.body)), mediaType: head.mediaType, release };
    } catch (error) {
      release();
      throw error;
    }
  } catch (error) {
    await discardBody(request);
    throw error;
  }
}

function parseBody({ descriptor }: BoundRoute, body: ReceivedBody | undefined): unknown {
  if (!descriptor.body || !body) return undefined;
  if (descriptor.body.kind === 'raw') return { bytes: body.bytes, mediaType: body.mediaType } satisfies RawBody;
  return parseParts('body', descriptor.body.schema, parseJson(body.bytes));
}
