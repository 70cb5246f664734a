import { ApiFault, isAct } from '@recant/api';
import type { JsonObject } from '@recant/events';
import type { ByteBudget } from '@recant/queues';
import type { Request, Response } from 'express';
import type { ActEnd, ActRecorder } from './acts/port.ts';
import { authenticate, authorize, type Identifying, KeyRefusal } from './authenticate.ts';
import { bodyBytesMax, checkBodyHead, discardBody, parseJson, type RawBody, readBody } from './body.ts';
import type { Caller } from './caller.ts';
import type { Logger } from './log.ts';
import { maskSecrets } from './mask.ts';
import { parseParts, parsePath, parseQuery } from './parameters.ts';
import type { Cost, Payer, RateLimits } from './rate-limit.ts';
import type { BoundRoute, RequestOf } from './router.ts';

/** Seconds after which a refused caller may try again. */
const RETRY_AFTER_SECONDS = 1;
/** Milliseconds within which a request of a person comes as a rule. */
const HELD_MS = 1_000;
/** Roles whose requests may use the reserved room. */
const OPERATORS = new Set(['administer', 'execute', 'plan', 'approve', 'rollback']);

export interface Serving extends Identifying {
  readonly budget: ByteBudget;
  readonly limits: RateLimits;
  /** There wherever a route is not public: `createApp` sees to it. */
  readonly acts: ActRecorder | undefined;
}

/** One request through its route: who, may they, not too often, is there room, does it fit, then the handler. Nothing is read of a body before that. */
export async function serve(route: BoundRoute, request: Request, response: Response, serving: Serving, log: Logger): Promise<void> {
  const { descriptor } = route;
  const caller = await identify(route, request, serving, log);
  const identifiedMs = performance.now();
  const payer = caller && payerOf(caller);
  const body = await takeBody(route, request, payer, serving);
  try {
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    const taken = {
      params: parsePath(descriptor.params, request.params),
      query: parseQuery(descriptor.query, searchOf(request.originalUrl)),
      headers: parseParts('header', descriptor.headers, request.headers),
      body: readAs(route, body),
      caller,
      charge: (cost: Cost) => charge(serving.limits, payer, cost),
      signal: abort.signal,
      log,
    } as unknown as RequestOf<BoundRoute['descriptor']>;
    const carryOut = async () => {
      if (caller && isStale(route, caller, performance.now() - identifiedMs))
        authorize(await authenticate(serving, request.headers.authorization, log), descriptor);
      return route.handler(taken);
    };
    const act = { target: targetOf(request.params), request: String(response.get('request-id')) };
    send(response, descriptor, await recorded(route, caller, act, serving.acts, carryOut));
  } catch (error) {
    // The key ended while its request was on its way, or a second person's word is wanting; of an act its end says so.
    if (caller && (error instanceof KeyRefusal || (isSecondPersonWanting(error) && !isAct(descriptor))))
      serving.acts?.refused({ code: error.code, operation: descriptor.operationId, tenant: caller.tenant, by: caller.id });
    throw error;
  } finally {
    body?.release();
  }
}

/** What the address names, as the log may keep it for ever: somebody may have put a whole key where its id belongs. */
function targetOf(params: Request['params']): JsonObject {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, maskSecrets([value].flat().join('/'))]));
}

/** An address may be absolute (RFC 9112, 3.2.2), and its host no host: only what it asks for counts here. */
function searchOf(address: string): URLSearchParams {
  const [target = ''] = address.split('#', 1);
  const at = target.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : target.slice(at));
}

/**
 * Whether who it is has to be asked again: whoever sends a body chooses how long that takes, and a key may have ended meanwhile. Keys of acts always are;
 * those of events are not, as their transaction judges them, nor those of parts, which say nothing without one. A password takes time to look at, and a token ends by itself.
 */
function isStale({ descriptor }: BoundRoute, { kind }: Caller, sinceMs: number): boolean {
  if (kind === 'person') return descriptor.body !== undefined && sinceMs > HELD_MS;
  return isAct(descriptor) || descriptor.body?.kind === 'json';
}

function isSecondPersonWanting(error: unknown): error is ApiFault {
  return error instanceof ApiFault && (error.code === 'approval_missing' || error.code === 'approval_expired');
}

/** What is an act is in the log before it is carried out, and so is what came of it before it is answered. */
async function recorded(
  { descriptor }: BoundRoute,
  caller: Caller | undefined,
  about: { readonly target: JsonObject; readonly request: string },
  acts: ActRecorder | undefined,
  carryOut: () => Promise<Answer>,
): Promise<Answer> {
  if (!acts || !caller || !isAct(descriptor)) return carryOut();
  const ended = await acts.order({ tenant: caller.tenant, operation: descriptor.operationId, by: caller.id, ...about });
  try {
    const answer = await carryOut();
    await ended({ outcome: 'done', ...(answer.act === undefined ? {} : { detail: answer.act }) });
    return answer;
  } catch (error) {
    await ended(endOf(error));
    throw error;
  }
}

/** What is answered with a problem of 4xx changed nothing. */
function endOf(error: unknown): ActEnd {
  if (!(error instanceof ApiFault)) return { outcome: 'failed', code: 'internal' };
  return { outcome: error.problem().status < 500 ? 'refused' : 'failed', code: error.code };
}

type Answer = Awaited<ReturnType<BoundRoute['handler']>>;

function send(response: Response, { responses }: BoundRoute['descriptor'], { status, headers, body }: Answer): void {
  response.status(status).set(headers ?? {});
  const mediaType = responses[status]?.mediaType;
  if (mediaType !== undefined) {
    // Not through Express, which adds a charset.
    response.setHeader('content-type', mediaType);
    response.end(body);
  } else if (body === undefined) response.end();
  else response.json(body);
}

async function identify({ descriptor }: BoundRoute, request: Request, serving: Serving, log: Logger): Promise<Caller | undefined> {
  if (descriptor.roles === 'public') return undefined;
  const { operationId: operation } = descriptor;
  let caller: Caller | undefined;
  try {
    caller = await authenticate(serving, request.headers.authorization, log);
    authorize(caller, descriptor);
    return caller;
  } catch (error) {
    const who = caller ?? (error instanceof KeyRefusal ? error.who : undefined);
    if (error instanceof ApiFault && error.problem().status < 500)
      serving.acts?.refused({ code: error.code, operation, ...(who && { tenant: who.tenant, by: who.id }) });
    await discardBody(request);
    throw error;
  }
}

interface TakenBody extends RawBody {
  readonly release: () => void;
}

function payerOf({ tenant, id, roles }: Caller): Payer {
  return { tenant, id, operator: roles.some((role) => OPERATORS.has(role)) };
}

/** @throws ApiFault `rate_limited` */
function charge(limits: RateLimits, payer: Payer | undefined, cost: Cost): void {
  const debt = payer && limits.charge(payer, cost);
  if (debt === undefined) return;
  const { whose, kind, perSecond, retryAfterSeconds } = debt;
  throw new ApiFault('rate_limited', `This ${whose} may send ${perSecond} ${kind} a second, and sent more.`, { retryAfterSeconds });
}

/** Refused before anything of it is read, and what is refused costs nothing but its way here. */
async function takeBody(
  { descriptor }: BoundRoute,
  request: Request,
  payer: Payer | undefined,
  { budget, limits }: Serving,
): Promise<TakenBody | undefined> {
  try {
    if (!descriptor.body) {
      charge(limits, payer, { requests: 1 });
      return undefined;
    }
    const head = checkBodyHead(request, descriptor.body);
    charge(limits, payer, { requests: 1, events: 0, bytes: head.bytes });
    const release = budget.reserve(head.bytes, { tenant: payer?.tenant, operator: payer?.operator ?? false });
    if (!release)
      throw new ApiFault('overloaded', 'The service holds as much of request bodies of this tenant as it may.', {
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

function readAs({ descriptor }: BoundRoute, body: TakenBody | undefined): unknown {
  if (!descriptor.body || !body) return undefined;
  if (descriptor.body.kind === 'raw') return { bytes: body.bytes, mediaType: body.mediaType } satisfies RawBody;
  return parseParts('body', descriptor.body.schema, parseJson(body.bytes));
}
