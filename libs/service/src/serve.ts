import { ApiFault } from '@recant/api';
import type { Credential } from '@recant/ledger';
import type { Request, Response } from 'express';
import { authenticate, authorize } from './authenticate.ts';
import { bodyBytesMax, checkBodyHead, discardBody, parseJson, type RawBody, readBody } from './body.ts';
import type { Gate } from './gate.ts';
import type { Keyring } from './keyring.ts';
import type { Logger } from './log.ts';
import { parseParts, parsePath, parseQuery } from './parameters.ts';
import type { BoundRoute, RequestOf } from './router.ts';

/** Seconds after which a refused caller may try again. */
const RETRY_AFTER_SECONDS = 1;
/** Roles whose requests may use the reserved room. */
const OPERATORS = new Set(['administer', 'execute', 'plan', 'rollback']);

export interface Serving {
  readonly keyring: Keyring;
  readonly gate: Gate;
}

/** One request through its route: who, may they, is there room, does it fit, then the handler. Nothing is read of a body before the first three. */
export async function serve(route: BoundRoute, request: Request, response: Response, serving: Serving, log: Logger): Promise<void> {
  const { descriptor } = route;
  const credential = await identify(route, request, serving.keyring);
  const body = await takeBody(route, request, credential, serving.gate);
  try {
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    const answer = await route.handler({
      params: parsePath(descriptor.params, request.params),
      query: parseQuery(descriptor.query, new URL(request.originalUrl, 'http://localhost').searchParams),
      headers: parseParts('header', descriptor.headers, request.headers),
      body: readAs(route, body),
      credential,
      signal: abort.signal,
      log,
    } as unknown as RequestOf<BoundRoute['descriptor']>);
    send(response, descriptor, answer);
  } finally {
    body?.release();
  }
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

async function identify({ descriptor }: BoundRoute, request: Request, keyring: Keyring): Promise<Credential | undefined> {
  if (descriptor.roles === 'public') return undefined;
  try {
    const credential = await authenticate(keyring, request.headers.authorization);
    authorize(credential, descriptor);
    return credential;
  } catch (error) {
    await discardBody(request);
    throw error;
  }
}

interface TakenBody extends RawBody {
  readonly release: () => void;
}

async function takeBody(
  { descriptor }: BoundRoute,
  request: Request,
  credential: Credential | undefined,
  gate: Gate,
): Promise<TakenBody | undefined> {
  if (!descriptor.body) return undefined;
  try {
    const head = checkBodyHead(request, descriptor.body);
    const operator = credential?.roles.some((role) => OPERATORS.has(role)) ?? false;
    const release = gate.enter(head.bytes, { tenant: credential?.tenant, operator });
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
