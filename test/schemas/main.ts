import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { preparePostgres } from '@recant/connector-postgres';
import { startPostgres } from '@recant/local-postgres';
import pg from 'pg';
import { fill, playAndUndo } from './attempts.ts';
import { loadSchema } from './load.ts';

/** Lehmer generator (Park and Miller): a seed replays. */
function randomOf(seed: number): () => number {
  let state = seed % 2_147_483_647 || 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Connects one schema and undoes random attempts on it. @returns whether everything is as it has to be */
async function tryOne(ownerUrl: string, name: string, dump: string, options: { attempts: number; seed: number }): Promise<boolean> {
  const database = `schema_${name.replaceAll(/\W/g, '_').toLowerCase()}`;
  const url = (user?: string) =>
    Object.assign(new URL(ownerUrl), { pathname: `/${database}`, ...(user ? { username: user, password: user } : {}) }).href;
  const admin = new pg.Client({ connectionString: ownerUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${database}`);
  const agents = [`${database}_a`, `${database}_b`];
  for (const agent of agents) await admin.query(`CREATE ROLE ${agent} LOGIN PASSWORD '${agent}'`);
  await admin.end();
  const client = new pg.Client({ connectionString: url() });
  await client.connect();
  try {
    const loaded = await loadSchema(client, dump);
    const schemas = await client.query<{ name: string }>(
      `SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'`,
    );
    for (const schema of schemas.rows.map((row) => pg.escapeIdentifier(row.name)))
      await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${agents.join(', ')}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${agents.join(', ')};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${agents.join(', ')}`);
    const report = await preparePostgres({ url: url(), system: 'schemas', agentRoles: agents });
    const { rows } = await client.query<{ name: string }>(
      `SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND n.nspname NOT IN ('recant', 'information_schema') AND n.nspname !~ '^pg_'`,
    );
    const named = new Set([...report.tables, ...report.skipped].map(({ table }) => table));
    const silent = rows.filter((row) => !named.has(row.name)).map((row) => row.name);
    console.log(
      `${name}: ${loaded.statements} statements (${loaded.refused.length} refused), ${rows.length} tables: ${report.tables.length} covered (${report.limited.length} limited), ${report.skipped.length} skipped, ${silent.length} unnamed`,
    );
    for (const refusal of loaded.refused) console.log(`  not loaded: ${refusal}`);
    for (const { table, reason } of [...report.limited, ...report.skipped]) console.log(`  ${table}: ${reason}`);
    const places = await fill(client, report);
    const outcome = await playAndUndo({ superUrl: url(), agentUrls: agents.map(url) }, places, {
      attempts: options.attempts,
      random: randomOf(options.seed),
    });
    console.log(
      `  ${outcome.attempts} attempts on ${places.length} tables (${outcome.refusedByTarget} statements refused by the schema), undone: ${JSON.stringify(outcome.ends)}, mismatches: ${outcome.mismatches.length}`,
    );
    for (const mismatch of outcome.mismatches) console.log(`  MISMATCH ${mismatch}`);
    return silent.length === 0 && outcome.mismatches.length === 0;
  } finally {
    await client.end();
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { attempts: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
});
const [folder] = positionals;
if (folder === undefined) {
  console.error('usage: node test/schemas/main.ts FOLDER [--attempts N] [--seed N]');
  process.exitCode = 2;
} else {
  const home = await mkdtemp(join(tmpdir(), 'recant-schemas-'));
  const postgres = await startPostgres({ dataDir: join(home, 'postgres'), temporary: true });
  try {
    for (const file of (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()) {
      const options = { attempts: Number(values.attempts), seed: Number(values.seed) };
      if (!(await tryOne(postgres.ownerUrl, file.replace('.sql', ''), await readFile(join(folder, file), 'utf8'), options)))
        process.exitCode = 1;
    }
  } finally {
    await postgres.stop();
    await rm(home, { recursive: true, force: true });
  }
}
