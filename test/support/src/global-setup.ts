import type { TestProject } from 'vitest/node';
import { serveServers } from './servers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    recantServers: string;
  }
}

/** Local brokers start in half the time, and no test keeps one busy for long enough to want the second compiler. */
const JAVA_OPTIONS = '-XX:TieredStopAtLevel=1';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  process.env.JDK_JAVA_OPTIONS ??= JAVA_OPTIONS;
  const servers = await serveServers();
  project.provide('recantServers', servers.address);
  return servers.stop;
}
