import type { RouteDescriptor } from '@recant/api';
import type { JsonObject } from '@recant/events';
import type { z } from 'zod';
import type { RawBody } from './body.ts';
import type { Caller, KeyCaller, PersonCaller } from './caller.ts';
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

/** What a handler is given: checked against the descriptor, nothing else of the request. */
export interface RequestOf<R extends RouteDescriptor> {
  readonly params: OutputOf<R['params']>;
  readonly query: OutputOf<R['query']>;
  readonly headers: OutputOf<R['headers']>;
  readonly body: BodyOf<R>;
  readonly caller: CallerOf<R>;
  /** What it turns out to cost beside itself and its bytes. @throws ApiFault `rate_limited` */
  readonly charge: (cost: Cost) => void;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** One of the answers that the descriptor names. */
export type AnswerOf<R extends RouteDescriptor> = {
  [S in keyof R['responses'] & number]: {
    readonly status: S;
    readonly headers?: Readonly<Record<string, string>>;
    /** What the record of this act says came of it. Never a secret. */
    readonly act?: JsonObject;
  } & (R['responses'][S] extends { mediaType: string }
    ? { readonly body: Uint8Array | string }
    : R['responses'][S] extends { schema: infer Z extends z.ZodType }
      ? { readonly body: z.input<Z> }
      : { readonly body?: undefined });
}[keyof R['responses'] & number];

export interface BoundRoute {
  readonly descriptor: RouteDescriptor;
  readonly handler: (request: RequestOf<RouteDescriptor>) => Promise<{
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly act?: JsonObject;
    readonly body?: unknown;
  }>;
}

/** Routes of one service. `createApp` mounts them and describes them: there is no other way in. */
export interface Router {
  readonly name: string;
  readonly routes: readonly BoundRoute[];
}

/** Binds a handler to its description. A handler throws `ApiFault` to answer with a problem. */
export function handle<R extends RouteDescriptor, const A extends AnswerOf<R>>(
  descriptor: R,
  handler: (request: RequestOf<R>) => Promise<A>,
): BoundRoute {
  return { descriptor, handler: handler as unknown as BoundRoute['handler'] };
}

export function createRouter(name: string, routes: readonly BoundRoute[]): Router {
  return { name, routes };
}
