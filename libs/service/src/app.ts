import { type AlarmBody, ApiFault, type ErrorCode, PROBLEM_MEDIA_TYPE, problemOf, type RouteDescriptor } from '@recant/api';
import type { Metrics } from '@recant/metrics';
import { type ByteBudget, createByteBudget, INFLIGHT_BYTES_MAX } from '@recant/queues';
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import helmet from 'helmet';
import type { ActRecorder } from './acts/port.ts';
import { createOpenStreams, type StreamLimits } from './event-streams.ts';
import type { HealthChecks } from './health.ts';
import { beginSeries, measureHttp } from './http-metrics.ts';
import type { Keyring } from './keyring.ts';
import type { Logger } from './log.ts';
import { maskSecrets } from './mask.ts';
import { createOutageMemory } from './outage.ts';
import type { People } from './people/port.ts';
import { createRateLimits, RATES_DEFAULT, type Rates } from './rate-limit.ts';
import { createReadTurns } from './reads.ts';
import type { BoundRoute, Router } from './router.ts';
import { type Serving, serve } from './serve.ts';
import { serviceRouter } from './service-router.ts';
import { requireSingleHeaders } from './single-headers.ts';
import { faultOfStore } from './store-fault.ts';
import { withRequestSpan } from './telemetry.ts';

export interface AppOptions {
  readonly title: string;
  readonly version: string;
  readonly routers: readonly Router[];
  readonly keyring: Keyring;
  /** Identity providers of people; without any, only keys authenticate. */
  readonly people?: readonly People[];
  /** Required unless all routes are public: every operator's act is recorded. */
  readonly acts?: ActRecorder;
  readonly logger: Logger;
  readonly health: HealthChecks;
  /** Open alarms of a tenant, for its health. */
  readonly alarms?: (tenant: string) => Promise<readonly AlarmBody[]>;
  /** Conditions that this process sees now. */
  readonly conditions?: () => readonly { readonly code: string }[];
  /** With it, `GET /metrics` answers. */
  readonly metrics?: Metrics;
  /** Id of each request, in logs and in the `request-id` header. */
  readonly requestId: () => string;
  readonly budget?: ByteBudget;
  /** Default: RATES_DEFAULT. */
  readonly rates?: Rates;
  /** Default: STREAM_LIMITS. */
  readonly streams?: StreamLimits;
}

/** Characters of a problem's detail, which may quote the request. */
const DETAIL_LENGTH_MAX = 2_000;

/** Express app with all routes of the routers, health and an OpenAPI description of exactly these. Unknown errors are logged and answered as `internal`. */
export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by').set('etag', false).set('query parser', false);
  app.use(helmet({ contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] }, useDefaults: false } }));
  app.use((request, response, next) => {
    response.set({ 'request-id': options.requestId(), 'cache-control': 'no-store' });
    requireSingleHeaders(request);
    next();
  });
  const routes = [...options.routers, serviceRouter(options)].flatMap((router) => router.routes);
  if (options.acts === undefined && routes.some(({ descriptor }) => descriptor.roles !== 'public'))
    throw new TypeError('an app with routes that are not public needs `acts`');
  const { keyring, people = [], acts, budget = createByteBudget(), rates = RATES_DEFAULT } = options;
  options.metrics?.source((observe) => {
    observe('recant_queue_bytes', budget.bytes, { queue: 'request_bodies' });
    observe('recant_queue_limit_bytes', INFLIGHT_BYTES_MAX, { queue: 'request_bodies' });
  });
  const clock = () => performance.now();
  const serving = {
    keyring,
    people,
    budget,
    acts,
    limits: createRateLimits(rates, clock),
    outage: createOutageMemory(clock),
    reads: createReadTurns(),
    streams: createOpenStreams(options.streams),
  };
  options.metrics?.source((observe) => {
    observe('recant_event_streams', serving.streams.count, {});
    observe('recant_event_streams_limit', serving.streams.max, {});
  });
  if (options.metrics)
    beginSeries(
      options.metrics,
      routes.map(({ descriptor }) => descriptor.operationId),
    );
  for (const route of routes) mount(app, route, serving, options);
  refuseOtherMethods(app, routes);
  app.use((request: Request) => {
    throw new ApiFault('route_unknown', `No route at ${request.path}.`);
  });
  app.use(problemHandler(options));
  return app;
}

function mount(app: Express, route: BoundRoute, serving: Serving, { logger, metrics }: AppOptions): void {
  const { descriptor } = route;
  app[descriptor.method](expressPath(descriptor), async (request, response) => {
    const log = logger.child({ requestId: response.get('request-id'), operation: descriptor.operationId });
    const startedAt = performance.now();
    if (metrics) measureHttp(metrics, descriptor.operationId, response);
    await withRequestSpan(descriptor, request, response, () => serve(route, request, response, serving, log));
    log.debug({ status: response.statusCode, ms: Math.round(performance.now() - startedAt) }, 'http: request answered');
  });
}

/** `/v1/actions/{action}` → `/v1/actions/:action`; a parameter that may contain slashes is `*name`. */
function expressPath({ path, wildcard }: RouteDescriptor): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => `${name === wildcard ? '*' : ':'}${name}`);
}

function refuseOtherMethods(app: Express, routes: readonly BoundRoute[]): void {
  const byPath = Map.groupBy(routes, (route) => route.descriptor.path);
  for (const [path, all] of byPath as Map<string, [BoundRoute, ...BoundRoute[]]>) {
    const allow = all.map((route) => route.descriptor.method.toUpperCase()).join(', ');
    app.all(expressPath(all[0].descriptor), (request, response) => {
      response.set('allow', allow);
      throw new ApiFault('method_not_allowed', `${request.method} is not supported at ${path}; expected ${allow}.`);
    });
  }
}

/** Refusals that protect this process, as many as requests: no fault of it. Metrics count them. */
const LOAD_REFUSALS: ReadonlySet<string> = new Set<ErrorCode>(['overloaded', 'connections_exhausted']);

function problemHandler({ logger, metrics }: AppOptions): ErrorRequestHandler {
  return (error: unknown, request: Request, response: Response, _next) => {
    // The client is gone: what it asked for was ended, and nobody reads an answer.
    if (request.socket.destroyed)
      return void logger.debug({ requestId: response.get('request-id'), path: request.path }, 'http: client disconnected');
    const fault = faultOf(error);
    const found = fault?.problem() ?? problemOf('internal', `Unexpected error; request id ${response.get('request-id')}.`);
    const problem = { ...found, detail: maskSecrets(found.detail).slice(0, DETAIL_LENGTH_MAX) };
    metrics?.add('recant_http_problems_total', 1, { code: problem.code });
    const line = {
      requestId: response.get('request-id'),
      method: request.method,
      path: request.path,
      status: problem.status,
      code: problem.code,
    };
    if (problem.status >= 500 && !LOAD_REFUSALS.has(problem.code))
      logger.error({ ...line, err: fault?.cause ?? error }, 'http: request failed');
    else logger.debug({ ...line, detail: problem.detail, why: reasonOf(fault) }, 'http: request refused');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (fault?.retryAfterSeconds !== undefined || problem.retry === 'after')
      response.set('retry-after', String(fault?.retryAfterSeconds ?? 1));
    if (problem.status === 401) response.set('www-authenticate', 'Bearer');
    // The unread rest of a body must not be parsed as the next request of this connection.
    if (!request.readableEnded && hasBody(request)) response.set('connection', 'close');
    response.status(problem.status).set('content-type', PROBLEM_MEDIA_TYPE).end(JSON.stringify(problem));
  };
}

/** The cause of a refusal, for the log only. */
function reasonOf(fault: ApiFault | undefined): string | undefined {
  return fault?.cause instanceof Error ? fault.cause.message : undefined;
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function faultOf(error: unknown): ApiFault | undefined {
  if (error instanceof ApiFault) return error;
  // Thrown by Express for a path that is not UTF-8.
  if (error instanceof URIError) return new ApiFault('request_invalid', 'The request path is not percent-encoded UTF-8.', { cause: error });
  return faultOfStore(error);
}
