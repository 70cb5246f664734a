import type {} from './global-setup.ts';

/** Requests a server from the process of the test run, which starts it at the first request. */
export async function askServers<T>(path: string): Promise<T> {
  // vitest can be imported only inside a test run; the rest of this package works without it.
  const { inject } = await import('vitest');
  const response = await fetch(new URL(path, inject('recantServers')));
  const body = await response.text();
  if (!response.ok) throw new Error(body);
  return JSON.parse(body) as T;
}
