import { SERVERS_ENV } from './ask.ts';
import { serveServers } from './servers.ts';

/** Servers for `testDatabase` and the like in a program that is no test run. Stopped by the caller. */
export async function serveTestServers(): Promise<{ stop(): Promise<void> }> {
  const { address, stop } = await serveServers();
  process.env[SERVERS_ENV] = address;
  return { stop };
}
