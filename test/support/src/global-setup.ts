import type { TestProject } from 'vitest/node';
import { serveServers } from './servers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    recantServers: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await serveServers();
  project.provide('recantServers', servers.address);
  return servers.stop;
}
