import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject, type ZodOpenApiResponsesObject } from 'zod-openapi';
import { ERROR_CODES, type ErrorCode } from './error-codes.ts';
import { PROBLEM_MEDIA_TYPE, Problem } from './problem.ts';
import { isAct, REASON_HEADER, type RouteDescriptor } from './route.ts';

export type OpenApiDocument = ReturnType<typeof createDocument>;

/** A response that is not JSON. */
const Bytes = z.string().meta({ format: 'binary' });
/** Error codes of every request. */
const EVERYWHERE: readonly ErrorCode[] = ['request_invalid', 'overloaded', 'store_unavailable', 'shutting_down', 'internal'];
const WITH_CALLER: readonly ErrorCode[] = ['unauthenticated', 'role_missing', 'rate_limited'];
const WITH_PERSON: readonly ErrorCode[] = ['password_throttled', 'identity_unavailable'];
const WITH_BODY: readonly ErrorCode[] = ['body_too_large', 'media_type_unsupported'];

/** `operator` is the single local person of `recant up`; only that person has a password. */
const SECURITY_SCHEMES = {
  key: { type: 'http', scheme: 'bearer', bearerFormat: 'recant_<id>_<secret>' },
  person: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token of the OpenID provider (RFC 9068).' },
  operator: { type: 'http', scheme: 'basic', description: 'The local person of `recant up`.' },
} as const;
const SECURITY_OF = {
  keys: [{ key: [] }],
  people: [{ person: [] }, { operator: [] }],
  both: [{ key: [] }, { person: [] }, { operator: [] }],
};

/** OpenAPI 3.1 of exactly these routes. @throws Error if two routes share method and path, or an operation id */
export function openApiOf(routes: readonly RouteDescriptor[], info: { title: string; version: string }): OpenApiDocument {
  const paths: ZodOpenApiPathsObject = {};
  const ids = new Set<string>();
  for (const descriptor of routes) {
    const path = paths[descriptor.path] ?? {};
    paths[descriptor.path] = path;
    if (path[descriptor.method] || ids.has(descriptor.operationId)) throw new Error(`duplicate route: ${descriptor.operationId}`);
    ids.add(descriptor.operationId);
    path[descriptor.method] = operationOf(descriptor);
  }
  return createDocument({
    openapi: '3.1.1',
    info,
    paths,
    components: { securitySchemes: SECURITY_SCHEMES },
  });
}

export function errorsOf(descriptor: RouteDescriptor): readonly ErrorCode[] {
  const all = [
    ...EVERYWHERE,
    ...(descriptor.roles === 'public' ? [] : WITH_CALLER),
    ...(descriptor.roles === 'public' || descriptor.callers === 'keys' ? [] : WITH_PERSON),
    ...(descriptor.callers === undefined ? [] : (['caller_type_not_allowed'] as const)),
    ...(descriptor.body ? WITH_BODY : []),
    ...(descriptor.errors ?? []),
  ];
  return [...new Set(all)];
}

function operationOf(descriptor: RouteDescriptor): ZodOpenApiOperationObject {
  return {
    operationId: descriptor.operationId,
    tags: [descriptor.tag],
    summary: descriptor.summary,
    ...(descriptor.description === undefined ? {} : { description: descriptor.description }),
    ...(descriptor.roles === 'public'
      ? { security: [] }
      : { security: SECURITY_OF[descriptor.callers ?? 'both'], 'x-recant-roles': [...descriptor.roles] }),
    ...(descriptor.tenant === undefined ? {} : { 'x-recant-tenant': descriptor.tenant }),
    requestParams: {
      ...(descriptor.params ? { path: descriptor.params } : {}),
      ...(descriptor.query ? { query: descriptor.query } : {}),
      ...headersOf(descriptor),
    },
    ...bodyOf(descriptor),
    responses: { ...answersOf(descriptor), ...problemsOf(descriptor) },
  };
}

const ReasonHeaders = z.object({
  [REASON_HEADER]: z.string().optional().meta({ description: 'Why: percent-encoded UTF-8, recorded with the act.' }),
});

function headersOf(descriptor: RouteDescriptor): Pick<NonNullable<ZodOpenApiOperationObject['requestParams']>, 'header'> {
  const { headers, record } = descriptor;
  if (record !== 'own' && !isAct(descriptor)) return headers ? { header: headers } : {};
  return { header: headers ? headers.extend(ReasonHeaders.shape) : ReasonHeaders };
}

function bodyOf({ body }: RouteDescriptor): Pick<ZodOpenApiOperationObject, 'requestBody'> {
  if (!body) return {};
  const content = body.kind === 'json' ? { 'application/json': body.schema } : body.content;
  return {
    requestBody: { required: true, content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }])) },
  };
}

function answersOf({ responses }: RouteDescriptor): ZodOpenApiResponsesObject {
  const answers: ZodOpenApiResponsesObject = {};
  for (const [status, { description, schema, mediaType }] of Object.entries(responses)) {
    const content = mediaType === undefined ? schema && { 'application/json': { schema } } : { [mediaType]: { schema: schema ?? Bytes } };
    answers[status as `${1 | 2 | 3 | 4 | 5}${string}`] = content ? { description, content } : { description };
  }
  return answers;
}

/** One response per status, listing its codes. A status that the route defines itself (health: 503) is not overwritten. */
function problemsOf(descriptor: RouteDescriptor): ZodOpenApiResponsesObject {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(descriptor)) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const problems: ZodOpenApiResponsesObject = {};
  for (const [status, codes] of byStatus) {
    if (Object.hasOwn(descriptor.responses, status)) continue;
    problems[`${status}` as `4${string}`] = {
      description: codes.map((each) => `\`${each}\`: ${ERROR_CODES[each].title}`).join('; '),
      content: { [PROBLEM_MEDIA_TYPE]: { schema: Problem } },
    };
  }
  return problems;
}
