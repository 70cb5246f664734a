import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApp, createLogger, listen } from '@recant/service';
import { encodeAddCheckpoint } from '@recant/transparency';
import { type WiredWitness, wireWitness } from '../src/wire.ts';

export interface RunningWitness extends AsyncDisposable {
  readonly url: string;
  readonly vkey: string;
  readonly log: readonly Record<string, unknown>[];
  stop(): Promise<void>;
}

export async function witnessFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'recant-witness-'));
}

export const dropFolder = (dir: string): Promise<void> => rm(dir, { recursive: true, force: true });

/** The witness over real HTTP, in this process. */
export async function startWitness(
  dir: string,
  logKeys: readonly string[],
  clock: () => number = Date.now,
  port = 0,
): Promise<RunningWitness> {
  const witness: WiredWitness = await wireWitness({ dir, logKeys, clock });
  const log: Record<string, unknown>[] = [];
  const logger = createLogger({ name: 'test', level: 'info', destination: { write: (line) => void log.push(JSON.parse(line)) } });
  const app = createApp({
    title: 'test',
    version: '0',
    routers: witness.routers,
    health: witness.health,
    keyring: { find: async () => undefined },
    logger,
    requestId: randomUUID,
  });
  const listening = await listen(app, { host: '127.0.0.1', port });
  const stop = async (): Promise<void> => {
    await listening.close(1_000);
    await witness.stop();
  };
  return { url: listening.url, vkey: witness.vkey, log, stop, [Symbol.asyncDispose]: stop };
}

/** The witness as a separate process. */
export async function spawnWitness(env: Record<string, string>) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../src/main.ts', import.meta.url))], {
    env: { PATH: process.env.PATH, RECANT_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let said = '';
  let complained = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complained += chunk;
  });
  const started = new Promise<{ readonly url: string; readonly vkey: string }>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk;
      const [, url, vkey] = /"url":"([^"]+)","vkey":"([^"]+)"/.exec(said) ?? [];
      if (url !== undefined && vkey !== undefined) resolve({ url, vkey });
    });
    void exited.then(() => reject(new Error(complained.trim())));
  });
  return {
    ...(await started),
    exited,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

export interface Ask {
  readonly old: number;
  readonly note: Uint8Array;
  readonly proof?: readonly Uint8Array[];
}

export async function addCheckpoint(url: string, { old, note, proof = [] }: Ask) {
  return post(url, encodeAddCheckpoint({ sizeBefore: BigInt(old), proof, checkpoint: note }));
}

export async function post(url: string, body: Uint8Array | string) {
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: Buffer.from(body) });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}
