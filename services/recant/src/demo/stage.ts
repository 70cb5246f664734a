/** Everything the demo needs, all temporary: Recant, two shops, two folders, and a key and a login for each agent. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, createClient } from '@recant/client';
import { type FilesystemSystem, filesystemSystem } from '@recant/connector-filesystem';
import { postgresSystem } from '@recant/connector-postgres';
import type { RecantOptions } from '@recant/sdk';
import { kafkaTransport } from '@recant/sdk/kafka';
import pg from 'pg';
import type { World } from '../terminal/session.ts';
import type { RunningUp } from '../up/start.ts';
import type { ShopSystem } from './agents.ts';
import { readFolder, readShop, type State } from './compare.ts';
import { agentUrl, makeShops, type Shops } from './databases.ts';
import { type Database, fillFolder } from './shop.ts';
import { startRecant, type Transport } from './transport.ts';

export type AgentName = 'pricing-bot' | 'support-bot';

export interface Agent {
  readonly options: RecantOptions;
  readonly shop: ShopSystem;
}

export interface Stage {
  readonly url: string;
  readonly folder: string;
  readonly recantDir: string;
  readonly transportText: string;
  readonly operator: Client;
  readonly root: string;
  readonly controlRoot: string;
  readonly catalogue: FilesystemSystem;
  /** Resolves when the signal aborts. */
  readonly ended: Promise<void>;
  readonly agents: Readonly<Record<AgentName, Agent>>;
  controlTransaction(work: (db: Database) => Promise<void>): Promise<void>;
  read(): Promise<State>;
  readControl(): Promise<State>;
  clear(): Promise<void>;
}

export async function setStage(world: World, folder: string, wanted: Transport | undefined): Promise<Stage> {
  const recantDir = join(folder, 'recant');
  const { running, transport, reason } = await startRecant(world, recantDir, wanted);
  try {
    const [root, controlRoot] = [join(folder, 'catalogue'), join(folder, 'control')];
    for (const path of [root, controlRoot]) await mkdir(path).then(() => fillFolder(path));
    const shops = await makeShops(running.ownerUrl, ['pricing_bot', 'support_bot']);
    const operator = createClient({ url: running.url, apiKey: running.operatorKey });
    const store = join(folder, 'images');
    await operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: shops.shopUrl } });
    await operator.registerSystem({ name: 'catalogue', connector: 'filesystem', options: { root, store } });
    return await assemble(world, { running, operator, shops, root, controlRoot, store, folder, recantDir, transport, reason });
  } catch (error) {
    await running.stop();
    throw error;
  }
}

interface Props {
  readonly running: RunningUp;
  readonly operator: Client;
  readonly shops: Shops;
  readonly root: string;
  readonly controlRoot: string;
  readonly store: string;
  readonly folder: string;
  readonly recantDir: string;
  readonly transport: Transport;
  readonly reason: string;
}

async function assemble(world: World, props: Props): Promise<Stage> {
  const { running, operator, shops, root, controlRoot } = props;
  const pools: pg.Pool[] = [];
  const pool = (url: string): pg.Pool => {
    const made = new pg.Pool({ connectionString: url, max: 2 });
    // An idle connection may still get an error when the server stops after `end`.
    made.on('error', () => undefined);
    pools.push(made);
    return made;
  };
  const catalogue = filesystemSystem({ name: 'catalogue', root, store: props.store });
  const [shopOwner, controlOwner] = [pool(shops.shopUrl), pool(shops.controlUrl)];
  const addAgent = async (name: AgentName, alsoOn: readonly FilesystemSystem[]): Promise<Agent> => {
    const resources = ['postgres://shop/*', ...alsoOn.map((system) => `filesystem://${system.name}/*`)];
    const { apiKey } = await operator.createKey({ roles: ['emit'], agents: [name], sourcePrefix: `recant://${name}`, resources });
    const shop = postgresSystem({ name: 'shop', pool: pool(agentUrl(shops, name.replace('-', '_'))) });
    const overKafka = () => kafkaTransport({ brokers: [...(running.brokers ?? [])], apiKey, url: running.url });
    const transport = props.transport === 'kafka' ? { transport: overKafka() } : {};
    return { shop, options: { url: running.url, apiKey, agent: name, session: `demo-${name}`, systems: [shop, ...alsoOn], ...transport } };
  };
  const agents = { 'pricing-bot': await addAgent('pricing-bot', [catalogue]), 'support-bot': await addAgent('support-bot', []) };
  return {
    ...{ operator, root, controlRoot, catalogue, agents },
    ...{ url: running.url, folder: props.folder, recantDir: props.recantDir, transportText: props.reason },
    ended: new Promise((resolve) =>
      world.signal.aborted ? resolve() : world.signal.addEventListener('abort', () => resolve(), { once: true }),
    ),
    controlTransaction: (work) => transaction(controlOwner, work),
    read: async () => new Map([...(await readShop(shopOwner, 'shop')), ...(await readFolder(root, 'catalogue'))]),
    readControl: async () => new Map([...(await readShop(controlOwner, 'shop')), ...(await readFolder(controlRoot, 'catalogue'))]),
    async clear() {
      await Promise.all(pools.map((one) => one.end()));
      await running.stop();
    },
  };
}

async function transaction(pool: pg.Pool, work: (db: Database) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await work(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
