import type {} from './global-setup.ts';

/** Address of the servers, where no test run provides it. */
export const SERVERS_ENV = 'RECANT_TEST_SERVERS';

/** vitest can be imported only inside a test run; the rest of this package works without it. */
async function injected(): Promise<string> {
  const { inject } = await import('vitest');
  return inject('recantServers');
}

/** Requests a server from the process of the test run, which starts it at the first request. Outside a test run: from `serveTestServers`. */
export async function askServers<T>(path: string): Promise<T> {
  const response = await fetch(new URL(path, process.env[SERVERS_ENV] ?? (await injected())));
  const body = await response.text();
  if (!response.ok) throw new Error(body);
  return JSON.parse(body) as T;
}
