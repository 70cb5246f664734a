import type {} from './global-setup.ts';

/** Asks the process of the test run for a server, which starts it if this is the first question. */
export async function askServers<T>(path: string): Promise<T> {
  // Only inside a test run can vitest be imported; what else this package offers works without one.
  const { inject } = await import('vitest');
  const response = await fetch(new URL(path, inject('recantServers')));
  const body = await response.text();
  if (!response.ok) throw new Error(body);
  return JSON.parse(body) as T;
}
