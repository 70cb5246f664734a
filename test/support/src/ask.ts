import { inject } from 'vitest';
import type {} from './global-setup.ts';

/** Asks the process of the test run for a server, which starts it if this is the first question. */
export async function askServers<T>(path: string): Promise<T> {
  const response = await fetch(new URL(path, inject('recantServers')));
  const body = await response.text();
  if (!response.ok) throw new Error(body);
  return JSON.parse(body) as T;
}
