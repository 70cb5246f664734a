import {
  ERROR_CODES,
  errorsOf,
  LEDGER_ROUTES,
  openApiOf,
  problemOf,
  ROLLBACK_ROUTES,
  type RouteDescriptor,
  SERVICE_ROUTES,
} from '@recant/api';
import { expect, test } from 'vitest';

const SCHEMES = { keys: ['key'], people: ['person', 'operator'], both: ['key', 'person', 'operator'] };
const ROUTES: readonly RouteDescriptor[] = [...LEDGER_ROUTES, ...ROLLBACK_ROUTES, ...SERVICE_ROUTES];

test('every route is described once, with its callers and all error codes', () => {
  const document = openApiOf(ROUTES, { title: 't', version: '1' });
  expect(document.openapi).toBe('3.1.1');
  for (const route of ROUTES) {
    const operation = document.paths?.[route.path]?.[route.method];
    expect(operation?.operationId).toBe(route.operationId);
    expect(operation?.security?.flatMap((scheme) => Object.keys(scheme))).toEqual(
      route.roles === 'public' ? [] : SCHEMES[route.callers ?? 'both'],
    );
    for (const code of errorsOf(route)) {
      const { status } = ERROR_CODES[code];
      if (Object.hasOwn(route.responses, status)) continue;
      expect(operation?.responses?.[status]).toMatchObject({ description: expect.stringContaining(`\`${code}\``) });
    }
  }
  expect(() => openApiOf([...ROUTES, ROUTES[0] as RouteDescriptor], { title: 't', version: '1' })).toThrow(/duplicate route/);
});

test('all path parameters are described, and no others', () => {
  for (const { path, params } of ROUTES) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    expect(Object.keys(params?.shape ?? {})).toEqual(named);
  }
});

test('every code has a title, an action, and a status that matches its retry class', () => {
  for (const [code, { status, title, retry, action }] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^[a-z][a-z_]+$/);
    expect(title.length).toBeGreaterThan(5);
    expect(action).toMatch(/[.!]$/);
    if (retry === 'after') expect([429, 503]).toContain(status);
    if (status < 500 && status !== 429 && retry !== 'never') expect(['system_unreachable', 'request_timeout']).toContain(code);
  }
  expect(problemOf('window_empty', 'x')).toMatchObject({
    type: 'urn:recant:problem:window_empty',
    status: 400,
    code: 'window_empty',
    detail: 'x',
  });
});
