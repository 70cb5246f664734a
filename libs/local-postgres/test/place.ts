import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { onTestFinished } from 'vitest';

const HOLDER = fileURLToPath(new URL('./holder.ts', import.meta.url));

/** Path of a data folder in a temporary folder that is removed after the test. */
export async function freshPlace(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'recant-pg-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'data');
}

export interface Held {
  process: ChildProcess;
  said: { ownerUrl?: string; pid?: number; code?: string; message?: string };
}

/** Starts a server from another process, through the command `prefix` if given. */
export async function holdFrom(dataDir: string, options: { prefix?: string[]; wait?: boolean } = {}): Promise<Held> {
  const command = [...(options.prefix ?? []), process.execPath, HOLDER, dataDir, options.wait === false ? 'stop' : 'wait'];
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) return { process: child, said: JSON.parse(line) };
  throw new Error(`The holder of ${dataDir} printed nothing`);
}

export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
