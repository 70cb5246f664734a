import type { Immutable, RouteDescriptor } from '@recant/api';
import type { JsonObject } from '@recant/events';
import type { z } from 'zod';
import type { RawBody } from './body.ts';
import type { Caller, KeyCaller, PersonCaller } from './caller.ts';
import type { EventStream } from './event-streams.ts';
import type { Logger } from './log.ts';
import type { Cost } from './rate-limit.ts';

type OutputOf<T> = T extends z.ZodType ? z.output<T> : Record<string, never>;
type BodyOf<R extends RouteDescriptor> = R['body'] extends { kind: 'json'; schema: infer S extends z.ZodType }
  ? z.output<S>
  : R['body'] extends { kind: 'raw' }
    ? RawBody
    : undefined;

type CallerOf<R extends RouteDescriptor> = R['roles'] extends 'public'
  ? undefined
  : R['callers'] extends 'keys'
    ? KeyCaller
    : R['callers'] extends 'people'
      ? PersonCaller
      : Caller;

/** Input of a handler: the parts of the request that its descriptor names, validated. */
export interface RequestOf<R extends RouteDescriptor> {
  readonly params: OutputOf<R['params']>;
  readonly query: OutputOf<R['query']>;
  readonly headers: OutputOf<R['headers']>;
  readonly body: BodyOf<R>;
  readonly caller: CallerOf<R>;
  /** Why the caller acts, for the record of the act. */
  readonly reason: string | undefined;
  /** Charges costs known only to the handler, such as events. @throws ApiFault `rate_limited` */
  readonly charge: (cost: Cost) => void;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export interface ActResult {
  readonly object?: JsonObject;
  readonly detail?: JsonObject;
}

/** One of the responses that the descriptor lists. */
export type AnswerOf<R extends RouteDescriptor> = {
  [S in keyof R['responses'] & number]: {
    readonly status: S;
    readonly headers?: Readonly<Record<string, string>>;
    /** For the end of the act in the log: ids of what it made, and its result. Never a secret. */
    readonly act?: ActResult;
  } & (R['responses'][S] extends { events: true }
    ? { readonly body: EventStream }
    : R['responses'][S] extends { mediaType: string }
      ? { readonly body: Uint8Array | string }
      : R['responses'][S] extends { schema: infer Z extends z.ZodType }
        ? { readonly body: Immutable<z.input<Z>> }
        : { readonly body?: undefined });
}[keyof R['responses'] & number];

export interface BoundRoute {
  readonly descriptor: RouteDescriptor;
  readonly handler: (request: RequestOf<RouteDescriptor>) => Promise<{
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly act?: ActResult;
    readonly body?: unknown;
  }>;
}

/** Routes of one service. `createApp` mounts them and adds them to the OpenAPI description. */
export interface Router {
  readonly name: string;
  readonly routes: readonly BoundRoute[];
}

/** Binds a handler to its descriptor. A handler throws `ApiFault` to answer with a problem document. */
export function handle<R extends RouteDescriptor, const A extends AnswerOf<R>>(
  descriptor: R,
  handler: (request: RequestOf<R>) => Promise<A>,
): BoundRoute {
  // `serve` parses each request by this same descriptor, so the handler only gets what its own type declares.
  return { descriptor, handler: handler as unknown as BoundRoute['handler'] };
}

export function createRouter(name: string, routes: readonly BoundRoute[]): Router {
  return { name, routes };
}
