import { expect, test } from 'vitest';
import { requester } from '../src/http/request.ts';

test.each([
  ['http://127.0.0.1:1', /bad port/],
  ['http://127.0.0.1:9', /bad port|ECONNREFUSED/],
])('a refused connection to %s names the cause, not TypeError', async (url, reason) => {
  const request = requester({ url, apiKey: `recant_${'a'.repeat(20)}_${'A'.repeat(43)}` });
  const error = await request({ method: 'GET', path: 'health' }, new AbortController().signal).catch((cause: Error) => cause);
  expect((error as Error).message).toMatch(reason);
  expect((error as Error).message).not.toContain('TypeError');
});
