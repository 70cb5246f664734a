import { randomBytes } from 'node:crypto';
import type { InverseBatch, InverseResult, TargetSystem } from '@recant/connector';
import type { AttemptRef, Effect } from '@recant/events';
import { testDatabase } from '@recant/test-support';
import pg from 'pg';
import { expect } from 'vitest';
import {
  type PostgresClient,
  type PrepareOptions,
  type PrepareReport,
  postgresConnector,
  postgresSystem,
  preparePostgres,
} from '../src/index.ts';
import { drained } from './drained.ts';

/** One database with an owner who is no superuser, agents' logins, and both sides of the connector. */
export interface Stage {
  readonly ownerUrl: string;
  readonly superUrl: string;
  readonly agents: readonly string[];
  readonly owner: pg.Pool;
  readonly pools: readonly pg.Pool[];
  prepare(options?: Partial<PrepareOptions>): Promise<PrepareReport>;
  open(options?: { readonly statementMs?: number }): Promise<TargetSystem>;
  /** One attempt of the n-th agent, from capture to settlement; errors of the work are rethrown after settling. */
  play(agent: number, work: (tx: PostgresClient) => Promise<unknown>): Promise<Played>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Played {
  readonly ref: AttemptRef;
  readonly effects: readonly Effect[];
}

export const SYSTEM = 'shop';
let actions = 0;
export const nextAction = (): string => `018f0000-0000-7000-8000-${String(++actions).padStart(12, '0')}`;

export async function createStage(
  schema: string,
  { agents = 2, prepare = true, server }: { agents?: number; prepare?: boolean; server?: string } = {},
): Promise<Stage> {
  // A server of the test's own ends with all that is in it.
  const database =
    server === undefined ? await testDatabase() : { ownerUrl: server, name: new URL(server).pathname.slice(1), drop: undefined };
  const run = randomBytes(4).toString('hex');
  const roles = [`owner_${run}`, ...Array.from({ length: agents }, (_, n) => `agent${n}_${run}`)];
  const [owner = '', ...logins] = roles;
  await asOwner(database.ownerUrl, async (client) => {
    for (const role of roles) await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'`);
    await client.query(`ALTER DATABASE ${database.name} OWNER TO ${owner}; ALTER SCHEMA public OWNER TO ${owner}`);
  });
  const urlOf = (role: string) => Object.assign(new URL(database.ownerUrl), { username: role, password: role }).href;
  const pools = roles.map((role) => quietPool(urlOf(role)));
  const [ownerPool, ...agentPools] = pools as [pg.Pool, ...pg.Pool[]];
  await ownerPool.query(schema);
  await ownerPool.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${logins.join(', ')}`);
  const targets: TargetSystem[] = [];
  const stage: Stage = {
    ownerUrl: urlOf(owner),
    superUrl: database.ownerUrl,
    agents: logins,
    owner: ownerPool,
    pools: agentPools,
    prepare: (options) => preparePostgres({ url: urlOf(owner), system: SYSTEM, agentRoles: logins, ...options }),
    async open(options = {}) {
      const target = await postgresConnector.open({ name: SYSTEM, connector: 'postgres', options: { url: urlOf(owner), ...options } });
      targets.push(target);
      return target;
    },
    async play(agent, work) {
      const ref = { source: `recant://agent${agent}/1`, action: nextAction(), attempt: 1 };
      const capture = await postgresSystem({ name: SYSTEM, pool: agentPools[agent] as pg.Pool }).capture(ref, []);
      try {
        await capture.handle.transaction(work);
      } finally {
        for await (const effect of capture.settle()) expect.unreachable(`an agent reports no effect, got ${effect.resource}`);
        await capture.release();
      }
      return { ref, effects: await drained(ownerPool, SYSTEM, ref) };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...targets.map((target) => target.close()), ...pools.map((pool) => pool.end())]);
      if (database.drop === undefined) return;
      await database.drop();
      await asOwner(new URL('/postgres', database.ownerUrl).href, (client) => client.query(`DROP ROLE ${roles.join(', ')}`));
    },
  };
  if (prepare) await stage.prepare();
  return stage;
}

/** The batch that undoes these attempts in the order given, under a plan that knows these and \`knowsToo\`. */
export function undo(
  attempts: readonly Played[],
  { knowsToo = [], run = nextAction(), token = '1' }: { knowsToo?: readonly Played[]; run?: string; token?: string } = {},
): InverseBatch {
  const knownOrdinals: Record<string, string> = {};
  for (const { resource, ordinal } of [...attempts, ...knowsToo].flatMap((one) => one.effects)) {
    if (BigInt(ordinal) > BigInt(knownOrdinals[resource] ?? '0')) knownOrdinals[resource] = ordinal;
  }
  const steps = attempts.map(({ ref, effects }, index) => ({
    step: index + 1,
    attempt: { source: `recant://recant/${run}`, action: nextAction(), attempt: 1 },
    undoes: ref,
    effects,
    knownOrdinals,
  }));
  return { run, token, steps };
}

export async function undoOne(target: TargetSystem, attempt: Played, options: Parameters<typeof undo>[1] = {}): Promise<InverseResult> {
  const [result] = await target.invert(undo([attempt], options));
  if (result === undefined) throw new Error('no result');
  return result;
}

/** Every row of a table as the bytes its types send. */
export async function rowsOf(client: Pick<pg.Pool, 'query'>, table: string): Promise<string[]> {
  const { rows } = await client.query<{ row: string }>(`SELECT encode(record_send(t), 'hex') AS row FROM ${table} t ORDER BY 1`);
  return rows.map(({ row }) => row);
}

export const codes = (result: InverseResult | undefined): string[] => [...new Set(result?.findings.map(({ code }) => code))].sort();

function quietPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on('error', () => undefined);
  return pool;
}

async function asOwner(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
