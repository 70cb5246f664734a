import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlanRowBody, PlanView } from '@recant/api';
import { type Client, createClient, everyItem } from '@recant/client';
import { filesystemSystem } from '@recant/connector-filesystem';
import { prepareDataKeys } from '@recant/data-keys';
import { OPERATOR_TENANT, partDigest, SEAL_NONCE_BYTES, sealPart, uuidv7 } from '@recant/events';
import { createRecant } from '@recant/sdk';
import { createLocalPeople, hashPassword, newPassword } from '@recant/service';
import { createStore, type NewCredential, type Store } from '@recant/store';
import { testDatabase, testLedgerDatabase, waitUntil } from '@recant/test-support';
import type { TestProvider } from '@recant/test-support/openid';
import { newSigningKey, parseSigningKeys, type SigningKeys } from '../../services/ledger/src/wire.ts';
import { TestSource } from '../../services/ledger/test/producer.ts';
import { readSettings } from '../../services/recant/src/up/settings.ts';
import { openServices } from '../../services/recant/src/up/wire.ts';
import { AUDIENCE, OWN } from './callers.ts';

export const SHARDS = 64;
export const SYSTEM = 'acme-notes';
const MATRIX_KEY: NewCredential = {
  tenant: OWN,
  roles: ['administer'],
  sourcePrefix: 'recant://',
  agents: [],
  resources: [],
  people: ['person:holder'],
};

/** The routes of `recant up` on a real database, with data of the tenant for each operation. */
export interface World {
  readonly url: string;
  readonly store: Store;
  readonly admin: Client;
  readonly adminKeyId: string;
  readonly password: string;
  readonly folder: string;
  readonly signing: SigningKeys;
  /** Id of the only action. */
  readonly action: string;
  readonly source: string;
  /** A paused run on the only file. Later runs wait for it, so they stay in the state that a fixture gives them. */
  readonly firstRun: string;
  /** Digests of parts: one unsealed, one sealed. */
  readonly plainPart: string;
  readonly sealedPart: string;
  /** Creates a data key of this subject. */
  seal(subject: string): Promise<void>;
  /** Key whose message became a dead letter. */
  readonly strangerKeyId: string;
  plan(): Promise<PlanView>;
  /** A run with its own plan, in this state, that no worker continues. */
  run(state: string): Promise<string>;
  makeKey(over?: Partial<NewCredential>): ReturnType<Store['credentials']['create']>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function createWorld(provider: TestProvider): Promise<World> {
  const database = await testLedgerDatabase();
  const keysDatabase = await testDatabase();
  await prepareDataKeys(keysDatabase.ownerUrl, new URL(keysDatabase.url).username);
  const folder = await mkdtemp(join(tmpdir(), 'recant-authority-'));
  const store = createStore({ connectionString: database.url, masterKey: randomBytes(32), shards: SHARDS });
  const makeKey: World['makeKey'] = (over = {}) => store.credentials.create({ ...MATRIX_KEY, ...over });
  const closers: (() => Promise<void>)[] = [
    () => rm(folder, { recursive: true, force: true }),
    database.drop,
    keysDatabase.drop,
    store.close,
  ];
  const signing = parseSigningKeys(newSigningKey('example.org/matrix'), 'a test');
  const password = newPassword();
  const url = await serve({ provider, folder, store, signing, password, closers, keysDatabaseUrl: keysDatabase.url });

  const { apiKey: agentKey } = await makeKey({ roles: ['emit'], agents: ['acme-agent'], resources: ['*'] });
  const { apiKey, credential } = await makeKey({ roles: ['administer', 'plan', 'execute'] });
  const admin = createClient({ url, apiKey });
  await admin.registerSystem({ name: SYSTEM, connector: 'filesystem', options: await notes(folder) });
  const agents = createClient({ url, apiKey: agentKey });
  const plain = Buffer.from('{"part":"of acme"}');
  const [plainPart, sealedPart] = [await storePart(agents, plain), await storePart(agents, await sealed(agents, plain))];
  const { action, source } = await actOnce(url, agentKey, folder);
  const stranger = await makeKey({ roles: ['emit'], agents: ['acme-agent'] });
  await createClient({ url, apiKey: stranger.apiKey })
    .submitEvent(new TestSource('stranger').opened())
    .catch(() => undefined);
  const plan = () => admin.createPlan({ selection: { actions: [action] } });
  const firstRun = await blockRuns(store, admin, await plan());
  await waitUntil(() => admin.receipt(action));
  await waitUntil(async () => (await fetch(`${url}/v1/head`, { headers: { authorization: `Bearer ${apiKey}` } })).ok);
  return {
    ...{ url, store, admin, password, folder, signing, action, source, firstRun, plan, makeKey, plainPart, sealedPart },
    adminKeyId: credential.keyId,
    strangerKeyId: stranger.credential.keyId,
    seal: async (subject) => void (await agents.createDataKey(subject)),
    async run(state) {
      const { id, digest } = await plan();
      const { id: run } = await admin.createRun(id, digest);
      await store.pool.query('UPDATE recant.run SET state = $3 WHERE tenant_id = $1 AND id = $2', [OWN, run, state]);
      if (state === 'waiting')
        await store.pool.query(`UPDATE recant.run_step SET state = 'stuck' WHERE tenant_id = $1 AND run_id = $2`, [OWN, run]);
      return run;
    },
    async [Symbol.asyncDispose]() {
      for (const close of closers.reverse()) await close();
    },
  };
}

interface Served {
  readonly provider: TestProvider;
  readonly folder: string;
  readonly store: Store;
  readonly signing: SigningKeys;
  readonly password: string;
  readonly closers: (() => Promise<void>)[];
  readonly keysDatabaseUrl: string;
}

async function serve({ provider, folder, store, signing, password, closers, keysDatabaseUrl }: Served): Promise<string> {
  await mkdir(join(folder, 'anchor'));
  const settings = readSettings(
    { port: '0' },
    {
      RECANT_SHARDS: String(SHARDS),
      RECANT_LOG_LEVEL: 'silent',
      RECANT_ANCHOR_DIR: join(folder, 'anchor'),
      RECANT_OIDC_ISSUER: provider.issuer,
      RECANT_OIDC_AUDIENCE: AUDIENCE,
      RECANT_OIDC_ALGORITHMS: 'RS256',
      RECANT_OIDC_TENANT_CLAIM: 'org',
    },
  );
  const kept = await hashPassword(password);
  const local = createLocalPeople({ tenant: OPERATOR_TENANT, readHash: async () => kept, clock: Date.now });
  const own = { tenant: OWN, roles: ['rollback'], sourcePrefix: 'recant://recant/', agents: ['recant'], resources: [] } as const;
  const { apiKey: rollbackKey } = await store.credentials.create(own);
  const keys = { masterKeys: [randomBytes(32)] as const, keysDatabaseUrl };
  const people = [...settings.people, local];
  const deps = {
    // What a caller may do is tested here, not what a plan needs.
    settings: { ...settings, approvals: 'never' as const },
    store,
    kafka: undefined,
    prepare: async () => ({ rollbackKey }),
    signing,
    people,
    timing: { headMs: 100 },
    ...keys,
  };
  return (await openServices(deps, closers)).url;
}

async function notes(folder: string): Promise<{ root: string; store: string }> {
  const root = join(folder, 'notes');
  await mkdir(root, { recursive: true });
  return { root, store: join(folder, 'images') };
}

async function storePart(agents: Client, bytes: Uint8Array): Promise<string> {
  const salt = randomBytes(16);
  const digest = partDigest(salt, bytes);
  await agents.putPart(digest, salt.toString('base64url'), bytes);
  return digest;
}

async function sealed(agents: Client, plain: Uint8Array): Promise<Uint8Array> {
  const made = await agents.createDataKey('acme-customer');
  return sealPart(plain, { keyId: made.keyId, key: Buffer.from(made.key, 'base64') }, made, randomBytes(SEAL_NONCE_BYTES));
}

/** One file written by one agent. */
async function actOnce(url: string, apiKey: string, folder: string): Promise<{ action: string; source: string }> {
  const system = filesystemSystem({ name: SYSTEM, ...(await notes(folder)) });
  await writeFile(join(folder, 'notes', 'a'), 'before\n');
  const recant = createRecant({ url, apiKey, agent: 'acme-agent', systems: [system] });
  await recant.open();
  let action = '';
  await recant.action('write_file', {}, async (context) => {
    action = context.action;
    await context.on(system).writeFile('a', 'after\n');
  });
  const { source } = recant;
  await recant.close();
  await system.close();
  return { action, source };
}

/** @returns the run that blocks all others */
async function blockRuns(store: Store, operator: Pick<Client, 'planRows'>, { id, digest }: PlanView): Promise<string> {
  const run = uuidv7(Date.now(), randomBytes(16));
  const resources: Pick<PlanRowBody, 'step' | 'resource'>[] = [];
  for await (const { step, resource } of everyItem((cursor) => operator.planRows(id, {}, cursor === undefined ? {} : { cursor })))
    resources.push({ step, resource });
  await store.pool.query(
    `INSERT INTO recant.run (tenant_id, id, plan_id, digest, state, key_id, source, sequence_next) VALUES ($1, $2, $3, $4, 'paused', 'k', 's', 1)`,
    [OWN, run, id, Buffer.from(digest, 'hex')],
  );
  await store.pool.query(
    'INSERT INTO recant.run_resource (tenant_id, run_id, step, resource) SELECT $1, $2, r.step, r.resource FROM jsonb_to_recordset($3) r(step int, resource text)',
    [OWN, run, JSON.stringify(resources)],
  );
  return run;
}
