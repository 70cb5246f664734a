import type { z } from 'zod';
import type { ErrorCode } from './error-codes.ts';
import type { Role } from './role.ts';

/** Fields of a path or query, by name. Arrays take repeated parameters; numbers and booleans are read from their text. */
export type ParameterSchema = z.ZodObject<z.ZodRawShape>;

/** Of a raw body: whatever it is said to be, or not. */
export const ANY_MEDIA_TYPE = '*/*';

/** JSON that fits a schema, or bytes that the handler judges itself (`raw`), bounded before they are read. */
export type BodyDescriptor =
  | { readonly kind: 'json'; readonly schema: z.ZodType; readonly bytesMax?: number }
  | {
      readonly kind: 'raw';
      readonly bytesMax: number;
      /** Schema by media type, for the description. */
      readonly content: Readonly<Record<string, z.ZodType>>;
    };

/** JSON that fits a schema; or, with a media type, bytes or text exactly as the handler gives them; or nothing. */
export interface ResponseDescriptor {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly mediaType?: string;
}

/** One operation of the API: what it takes, who may call it, what it answers. A handler is bound to one of these, and OpenAPI comes out of them. */
export interface RouteDescriptor {
  readonly operationId: string;
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** OpenAPI path: `/v1/actions/{action}`. */
  readonly path: string;
  /** Name of the path's last parameter, where it takes slashes too. */
  readonly wildcard?: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Any one of these lets a key in. `public`: no key needed. */
  readonly roles: readonly Role[] | 'public';
  /** Left out: keys and people alike. */
  readonly callers?: 'keys' | 'people';
  /** Whether the request is recorded as an act. Left out: every one that is not a GET. `none`: events of its own tell of it, or are it. */
  readonly record?: 'act' | 'none';
  readonly params?: ParameterSchema;
  readonly query?: ParameterSchema;
  readonly headers?: ParameterSchema;
  readonly body?: BodyDescriptor;
  readonly responses: Readonly<Record<number, ResponseDescriptor>>;
  /** Codes beside those that every route can give. */
  readonly errors?: readonly ErrorCode[];
}

/** Whether asking for it is an operator's act, recorded before it is carried out. */
export function isAct({ method, record, roles }: RouteDescriptor): boolean {
  return roles !== 'public' && record !== 'none' && (record === 'act' || method !== 'get');
}

/** Keeps the literal types of a descriptor, so that handlers are typed by it. */
export function route<const R extends RouteDescriptor>(descriptor: R): R {
  return descriptor;
}
