import type { z } from 'zod';
import type { ErrorCode } from './error-codes.ts';
import type { Role } from './role.ts';

/** Fields of a path or query, by name. Arrays take repeated parameters; numbers and booleans are read from their text. */
export type ParameterSchema = z.ZodObject<z.ZodRawShape>;

/** Why the caller acts, percent-encoded UTF-8; recorded with the act. */
export const REASON_HEADER = 'recant-reason';

/** A raw body of any media type, or none. */
export const ANY_MEDIA_TYPE = '*/*';
/** Server-sent events (WHATWG HTML, 9.2). */
export const EVENTS_MEDIA_TYPE = 'text/event-stream';

/** JSON that matches a schema, or bytes that the handler validates itself (`raw`). The size limit is enforced before the body is read. */
export type BodyDescriptor =
  | { readonly kind: 'json'; readonly schema: z.ZodType; readonly bytesMax?: number }
  | {
      readonly kind: 'raw';
      readonly bytesMax: number;
      /** Schema by media type, for OpenAPI. */
      readonly content: Readonly<Record<string, z.ZodType>>;
    };

/** JSON that matches a schema; with a media type, bytes or text exactly as the handler returns them; or no body. */
export interface ResponseDescriptor {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly mediaType?: string;
  /** The handler returns a stream of events, each with data that matches `schema`. */
  readonly events?: true;
}

/** One operation of the API: request, authorized callers and responses. Handlers are bound to descriptors, and OpenAPI is generated from them. */
export interface RouteDescriptor {
  readonly operationId: string;
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** OpenAPI path: `/v1/actions/{action}`. */
  readonly path: string;
  /** Name of the path's last parameter, if it may contain slashes. */
  readonly wildcard?: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** The caller needs one of these roles. `public`: no authentication. */
  readonly roles: readonly Role[] | 'public';
  /** `operator`: only callers of the operator's tenant, because the answer covers all tenants. */
  readonly tenant?: 'operator';
  /** Default: keys and people. */
  readonly callers?: 'keys' | 'people';
  /** Whether the request is recorded as an act. Default: every method but GET. `own`: the operation records its act with its result, atomically. */
  readonly record?: 'act' | 'own' | 'none';
  /** Executed although the disk is too full to record the act first, which is recorded once there is space: what takes access away must not wait for that. */
  readonly despiteFullDisk?: true;
  /** A caller who was let in shortly before is let in again while the store does not answer: for monitoring, which must see an outage. */
  readonly duringOutage?: true;
  readonly params?: ParameterSchema;
  readonly query?: ParameterSchema;
  readonly headers?: ParameterSchema;
  readonly body?: BodyDescriptor;
  readonly responses: Readonly<Record<number, ResponseDescriptor>>;
  /** Error codes in addition to those of every route. */
  readonly errors?: readonly ErrorCode[];
}

/** Whether a request is an operator's act, recorded before it is executed. */
export function isAct({ method, record, roles }: RouteDescriptor): boolean {
  return roles !== 'public' && record !== 'none' && record !== 'own' && (record === 'act' || method !== 'get');
}

/** Preserves the literal types of a descriptor, so that handlers are typed by it. */
export function route<const R extends RouteDescriptor>(descriptor: R): R {
  return descriptor;
}
