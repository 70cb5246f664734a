/**
 * npm run test:orms [TOOL...]: drivers and ORMs that write through a recorded client, directly and behind a transaction-pooling proxy. Installs the
 * tools from the npm registry into this folder, and pgbouncer with apt-get where it is missing.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPostgres } from '@recant/local-postgres';
import pg from 'pg';
import { generatePrisma } from './generate.ts';
import { startPooler } from './pooler.ts';
import { tryTool } from './scenario.ts';
import { createWorld, newRole, type Tool } from './world.ts';

const TOOLS = ['pg', 'pg-oldest', 'pg-query-stream', 'prisma', 'drizzle', 'knex'] as const;
const chosen = process.argv.length > 2 ? process.argv.slice(2) : TOOLS;

const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
  cwd: fileURLToPath(new URL('.', import.meta.url)),
  encoding: 'utf8',
});
if (status !== 0) throw new Error(`npm ci failed: ${stderr}`);
generatePrisma();

const folder = await mkdtemp(join(tmpdir(), 'recant-orms-'));
const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), temporary: true });
const ways = ['directly', 'behind pgbouncer'] as const;
const runs = chosen.flatMap((tool) => ways.map((way) => ({ tool, way, role: newRole() })));
try {
  const admin = new pg.Client({ connectionString: postgres.ownerUrl });
  await admin.connect();
  await admin.query(`CREATE ROLE pooled LOGIN PASSWORD 'pooled'`);
  const pooler = await startPooler(postgres.ownerUrl, ['pooled', ...runs.map(({ role }) => role)]);
  try {
    for (const { tool: name, way, role } of runs) {
      await admin.query(`CREATE DATABASE ${role}`);
      const ownerUrl = Object.assign(new URL(postgres.ownerUrl), { pathname: `/${role}` }).href;
      await using world = await createWorld({ ownerUrl, role }, way === 'directly' ? undefined : pooler.through);
      const { open } = (await import(new URL(`tools/${name}.mjs`, import.meta.url).href)) as { open(given: object): Promise<Tool> };
      const wrong = await tryTool(await open({ record: world.system.record, url: world.url }), world);
      process.stdout.write(
        `${name} ${way}: ${wrong.length === 0 ? 'every write belongs to its action or to the login' : wrong.join('; ')}\n`,
      );
      if (wrong.length > 0) process.exitCode = 1;
    }
  } finally {
    await pooler.stop();
    await admin.end();
  }
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
