import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@recant/local-postgres';
import pg from 'pg';
import { recant, temporaryFolder, up } from '../../services/recant/test/process.ts';

/** A ledger with its rollback service, and a captured database with a table `items`, each in a process of its own. */
export interface CapturedPlace {
  readonly url: string;
  /** Process of the ledger and the rollback service. */
  readonly pid: number;
  readonly agentKey: string;
  readonly operatorKey: string;
  /** The agent's login in the captured database. */
  readonly agentUrl: string;
  stop(): Promise<void>;
}

/** @param rows of `items` */
export async function startCapturedPlace(agent: string, rows: number): Promise<CapturedPlace> {
  const data = await mkdtemp(join(tmpdir(), 'recant-bench-'));
  const postgres = await startPostgres({ dataDir: join(data, 'postgres'), temporary: true });
  const folder = await temporaryFolder();
  const service = await up(folder.path);
  const stop = async (): Promise<void> => {
    await service.end('SIGTERM');
    await postgres.stop();
    await folder.remove();
    await rm(data, { recursive: true, force: true });
  };
  const owner = new pg.Client({ connectionString: postgres.ownerUrl });
  await owner.connect();
  await owner.query(`CREATE TABLE items (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, note text); INSERT INTO items SELECT g, 0, 'note' FROM generate_series(1, ${rows}) g;
    CREATE ROLE bench_agent LOGIN PASSWORD 'bench_agent'; GRANT SELECT, UPDATE ON items TO bench_agent`);
  await owner.end();
  const connect = ['connect', 'postgres', 'shop', '--agent-role', `bench_agent=recant://${agent}`];
  const connected = await recant(folder.path, connect, { RECANT_CONNECT_URL: postgres.ownerUrl });
  if (connected.code !== 0) throw new Error(`connect failed: ${connected.out}${connected.err}`);
  const { url, apiKey } = JSON.parse(await readFile(join(folder.path, '.recant', 'cli.json'), 'utf8')) as { url: string; apiKey: string };
  const agentKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
  const agentUrl = Object.assign(new URL(postgres.ownerUrl), { username: 'bench_agent', password: 'bench_agent' }).href;
  return { url, pid: service.child.pid ?? -1, agentKey, operatorKey: apiKey, agentUrl, stop };
}
