import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApiError, type Client, createClient } from '@recant/client';
import pg from 'pg';
import { TestSource } from '../../services/ledger/test/producer.ts';
import type { Watched } from './places.ts';
import { statusIn } from './stage.ts';

const BIN = fileURLToPath(new URL('../../services/recant/bin/recant.js', import.meta.url));
/** Of PostgreSQL's tables only: it ends when its log cannot grow, as it would if everything were on the full disk. */
const MOUNT =
  'mkdir -m 777 "$0/small" && mount -t tmpfs -o size=32m,mode=777 tmpfs "$0/small" && mkdir -m 777 "$0/small/tables" && cd "$0" && exec "$@"';
const CHUNK = Buffer.alloc(1_048_576);

/** `recant up` whose entries are on a small file system of its own, in a mount namespace. */
export interface SmallService extends Watched {
  /** Fills the file system, and records events until one is refused because of that. */
  fill(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOnSmallDisk(dir: string, keyDir: string): Promise<SmallService> {
  const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', MOUNT, dir, process.execPath, BIN, 'up', '--port', '0'];
  const child = spawn('unshare', args, { env: { PATH: process.env.PATH, HOME: process.env.HOME }, stdio: ['ignore', 'pipe', 'inherit'] });
  const out = await ready(child);
  const url = /https?:\/\/\S+/.exec(out)?.[0] ?? '';
  const [operatorKey, agentKey] = ['operator', 'agents'].map((of) => new RegExp(`${of}\\s+(recant_\\S+)`).exec(out)?.[1] ?? '') as [
    string,
    string,
  ];
  const client = createClient({ url, apiKey: operatorKey });
  const { apiKey } = await client.createKey({ roles: ['monitor'], agents: [], resources: [], sourcePrefix: 'recant://monitor' });
  await moveEntries(dir);
  const keyFile = join(keyDir, 'small.key');
  await writeFile(keyFile, apiKey, { mode: 0o600 });
  const agents = createClient({ url, apiKey: agentKey });
  return {
    target: { url, keyFile },
    client,
    status: () => statusIn(dir),
    async fill() {
      // Seen from outside the namespace.
      await fillUp(`/proc/${child.pid}/root${dir}/small/fill`);
      const source = new TestSource('writer');
      for (let n = 0; n < 2_000; n++) if (await isFull(agents, source)) return;
      throw new Error('alerts: the disk did not fill');
    },
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** Puts the entries on the small file system, as the superuser of the embedded server. */
async function moveEntries(dir: string): Promise<void> {
  const folder = join(dir, '.recant');
  const { owner } = JSON.parse(await readFile(join(folder, 'postgres.passwords'), 'utf8')) as { owner: string };
  const url = new URL((await readFile(join(folder, 'database.url'), 'utf8')).trim());
  const database = new pg.Client({ connectionString: Object.assign(url, { username: 'postgres', password: owner }).href });
  await database.connect();
  await database.query(`CREATE TABLESPACE small LOCATION '${dir}/small/tables'`);
  await database.query('ALTER TABLE recant.entry SET TABLESPACE small');
  await database.end();
}

async function ready(child: ChildProcess): Promise<string> {
  let out = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', () => out.includes('Ctrl-C stops') && resolve());
    child.once('exit', (code) => reject(new Error(`recant up on a small disk ended (${code}): ${out}`)));
  });
  return out;
}

async function fillUp(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (;;) await file.write(CHUNK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
}

async function isFull(agents: Client, source: TestSource): Promise<boolean> {
  try {
    await agents.submitBatch(
      Array.from({ length: 200 }, () => source.intended({ arguments: { inline: { text: 'x'.repeat(2_000) } } }).bytes),
    );
    return false;
  } catch (error) {
    if (error instanceof ApiError && error.problem.code === 'store_full') return true;
    if (error instanceof ApiError && error.problem.status >= 500) return false;
    throw error;
  }
}
