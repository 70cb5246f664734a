import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@recant/client';
import { eventId, MEDIA_TYPE_EVENT, partDigest, shardOf } from '@recant/events';
import { createApprovals } from '@recant/store';
import { TestSource } from '../../services/ledger/test/producer.ts';
import { OWN } from './callers.ts';
import { setBack } from './set-back.ts';
import { SHARDS, SYSTEM, type World } from './world.ts';

/** Parameters and body of a request. */
export interface Asked {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly type: string; readonly bytes: string | Uint8Array };
}

export interface Fixture {
  /** A request that succeeds for an allowed caller; created anew for each of them. */
  ask(world: World): Asked | Promise<Asked>;
  /** Text in the answer to its own tenant and, unless `shared`, in no answer to another. */
  shows(world: World): string;
  readonly shared?: true;
}

const json = (value: unknown): NonNullable<Asked['body']> => ({ type: 'application/json', bytes: JSON.stringify(value) });
const shared = { shared: true } as const;
const home = ({ source }: World): number => shardOf(OWN, source, SHARDS);

async function alarmIn({ store }: World): Promise<string> {
  const subject = `recant://acme-${randomUUID()}`;
  await store.alarms.raise(OWN, [{ code: 'source_gap', subject, detail: 'a test', action: 'none' }]);
  const [alarm] = (await store.alarms.list(OWN, { limit: 1 })).alarms;
  return alarm?.id as string;
}

async function freezeIn({ store }: World): Promise<string> {
  const order = { scope: 'session', value: `acme-${randomUUID()}`, reason: 'a test', by: 'somebody' } as const;
  return (await store.freezes.order(OWN, order)).id;
}

async function fenceIn({ store }: World): Promise<string> {
  const fence = { key: randomBytes(32).toString('hex'), tool: `acme-${randomUUID()}`, resources: [] };
  return (await store.fences.set(OWN, fence, { reason: 'a test', by: 'somebody', expiresAtMs: Date.now() + 3_600_000 })).id;
}

const EVENTS: Readonly<Record<string, Fixture>> = {
  submitEvents: {
    ...shared,
    ask: () => ({ body: { type: MEDIA_TYPE_EVENT, bytes: new TestSource('acme-agent').opened() } }),
    shows: () => '"kind":"appended"',
  },
  putPart: {
    ...shared,
    ask() {
      const [salt, bytes] = [randomBytes(16), randomBytes(8)];
      return {
        params: { digest: partDigest(salt, bytes) },
        headers: { 'recant-salt': salt.toString('base64url') },
        body: { type: 'application/octet-stream', bytes },
      };
    },
    shows: () => '',
  },
  getPart: { ask: ({ plainPart }) => ({ params: { digest: plainPart } }), shows: ({ plainPart }) => plainPart },
  unsealPart: { ask: ({ sealedPart }) => ({ params: { digest: sealedPart } }), shows: () => '"subject":"acme-customer"' },
  createDataKey: { ...shared, ask: () => ({ body: json({ subject: 'somebody' }) }), shows: () => '"key":"' },
  eraseSubject: {
    async ask({ seal }) {
      const subject = randomUUID();
      await seal(subject);
      return { params: { subject } };
    },
    shows: () => '"destroyed":1',
  },
  showErasure: { ...shared, ask: () => ({ params: { subject: 'nobody' } }), shows: () => '"systems":[]' },
  getDurability: { ask: ({ source }) => ({ query: { source, id: eventId.opened() } }), shows: () => '"index":' },
  listAttempts: { ask: () => ({}), shows: ({ action }) => action },
  showAction: { ask: ({ action }) => ({ params: { action } }), shows: ({ action }) => action },
  settleAttempt: {
    ...shared,
    async ask({ url, makeKey }) {
      const { apiKey } = await makeKey({ roles: ['emit'], agents: ['acme-agent'] });
      const source = new TestSource('acme-agent');
      const { action, bytes } = source.intended({ deadlineMs: 1 });
      await createClient({ url, apiKey }).submitBatch([source.opened(), bytes]);
      return { params: { action }, body: json({ as: 'failed', reason: 'a test' }) };
    },
    shows: () => '"status":"failed"',
  },
  listActs: { ask: ({ adminKeyId }) => ({ query: { by: adminKeyId } }), shows: ({ adminKeyId }) => adminKeyId },
  listAlarms: {
    async ask(world) {
      await alarmIn(world);
      return {};
    },
    shows: () => '"subject":"recant://acme-',
  },
  acknowledgeAlarm: {
    ask: async (world) => ({ params: { alarm: await alarmIn(world) }, body: json({ reason: 'a test' }) }),
    shows: () => '"acknowledged":{',
  },
  orderFreeze: {
    ...shared,
    ask: () => ({ body: json({ scope: 'session', value: randomUUID(), reason: 'a test' }) }),
    shows: () => '"effectiveAt":',
  },
  listFreezes: {
    async ask(world) {
      await freezeIn(world);
      return {};
    },
    shows: () => '"value":"acme-',
  },
  showFreeze: { ask: async (world) => ({ params: { freeze: await freezeIn(world) } }), shows: () => '"value":"acme-' },
  thawFreeze: {
    ask: async (world) => ({ params: { freeze: await freezeIn(world) }, body: json({ reason: 'a test' }) }),
    shows: () => '"value":"acme-',
  },
  setFence: {
    ...shared,
    ask: () => ({ body: json({ tool: 'x', resources: [`postgres://shop/${randomUUID()}`], reason: 'a test' }) }),
    shows: () => '"setAt":',
  },
  listFences: {
    async ask(world) {
      await fenceIn(world);
      return {};
    },
    shows: () => '"tool":"acme-',
  },
  showFence: { ask: async (world) => ({ params: { fence: await fenceIn(world) } }), shows: () => '"tool":"acme-' },
  allowFenced: {
    ask: async (world) => ({ params: { fence: await fenceIn(world) }, body: json({ reason: 'a test' }) }),
    shows: () => '"tool":"acme-',
  },
  endFence: {
    ask: async (world) => ({ params: { fence: await fenceIn(world) }, body: json({ reason: 'a test' }) }),
    shows: () => '"tool":"acme-',
  },
  askFence: {
    ...shared,
    ask: () => ({
      body: json({
        ...{ source: `recant://acme-agent/${randomUUID()}`, agent: 'acme-agent' },
        ...{ action: randomUUID(), attempt: 1, call: '0'.repeat(64) },
      }),
    }),
    shows: () => '"fenced":false',
  },
  reachTopics: { ...shared, ask: () => ({}), shows: () => '"unread":[' },
  takeLease: {
    ...shared,
    ask: () => ({ body: json({ source: `recant://acme-agent/${randomUUID()}`, agent: 'acme-agent', applied: Date.now() + 1e9 }) }),
    shows: () => '"granted":true',
  },
  listLogs: { ...shared, ask: () => ({}), shows: () => '"shard":' },
  listSources: { ask: () => ({ query: { limit: '200' } }), shows: ({ source }) => source },
  listDeadLetters: { ask: () => ({}), shows: ({ strangerKeyId }) => strangerKeyId },
};

const freshKey = async ({ makeKey }: World): Promise<Asked> => ({
  params: { keyId: (await makeKey({ roles: ['view'] })).credential.keyId },
});
const KEYS: Readonly<Record<string, Fixture>> = {
  listKeys: { ask: () => ({}), shows: ({ adminKeyId }) => adminKeyId },
  createKey: {
    ...shared,
    ask: () => ({ body: json({ roles: ['view'], agents: [], resources: [], sourcePrefix: 'recant://new' }) }),
    shows: () => '"apiKey":"recant_',
  },
  rotateKey: { ask: async (world) => ({ ...(await freshKey(world)), body: json({}) }), shows: () => '"apiKey":"recant_' },
  revokeKey: { ...shared, ask: freshKey, shows: () => '' },
};

const EVIDENCE: Readonly<Record<string, Fixture>> = {
  getVkeys: { ...shared, ask: () => ({}), shows: ({ signing }) => signing.ledger },
  getCheckpoint: { ask: (world) => ({ params: { shard: home(world) } }), shows: () => `/${OWN}/` },
  getTile: { ask: (world) => ({ params: { shard: home(world), path: 'entries/000.p/1' } }), shows: () => OWN },
  getReceipt: { ask: ({ action }) => ({ params: { action } }), shows: () => 'c2sp.org/tlog-proof' },
  getHead: { ...shared, ask: () => ({}), shows: () => '"slot":' },
  openEpoch: {
    ask: async (world) => ({ params: { shard: await setBack(world) }, body: json({ reason: 'a test' }) }),
    shows: () => '"epoch":',
  },
};

const runIn = (state: string): Fixture => ({
  ask: async (world) => ({ params: { run: await world.run(state) } }),
  shows: () => '"intended":',
});
const ofPlan: Fixture['ask'] = async ({ plan }) => ({ params: { plan: (await plan()).id } });
const stuckStep: Fixture = { ...runIn('waiting'), ask: async (world) => ({ params: { run: await world.run('waiting'), step: 1 } }) };
const stuckSteps: Fixture = {
  ...runIn('waiting'),
  ask: async (world) => ({ params: { run: await world.run('waiting') }, body: json({}) }),
  shows: () => '"steps":[1',
};
const ROLLBACK: Readonly<Record<string, Fixture>> = {
  listSystems: { ask: () => ({}), shows: () => SYSTEM },
  registerSystem: {
    ...shared,
    ask: ({ folder }) => ({ body: json({ name: 'more', connector: 'filesystem', options: { root: join(folder, 'notes') } }) }),
    shows: () => '"name":"more"',
  },
  removeSystem: {
    async ask({ admin, folder }) {
      const root = join(folder, 'removed');
      await mkdir(root, { recursive: true });
      await admin.registerSystem({ name: 'removed', connector: 'filesystem', options: { root } });
      return { params: { system: 'removed' } };
    },
    shows: () => '',
  },
  acceptIncomplete: { ask: () => ({ params: { system: SYSTEM }, body: json({ reason: 'a test' }) }), shows: () => '"accepted":[]' },
  endTransaction: { ask: () => ({ params: { system: SYSTEM, pid: 1 } }), shows: () => '"ended":[]' },
  showWatermark: { ...shared, ask: () => ({}), shows: () => '"systems":[' },
  createPlan: {
    ask: ({ action }) => ({ body: json({ selection: { actions: [action] } }) }),
    shows: () => '"steps":1,',
  },
  showPlan: { ask: async ({ plan }) => ({ params: { plan: (await plan()).id } }), shows: ({ action }) => action },
  listPlanRows: { ask: ofPlan, shows: ({ action }) => action },
  listPlanRepeats: { ask: ofPlan, shows: () => '"compared":' },
  listPlanSteps: { ask: ofPlan, shows: ({ action }) => action },
  // This plan has none of them.
  listPlanConflicts: { ...shared, ask: ofPlan, shows: () => '"items":[' },
  listPlanLeft: { ...shared, ask: ofPlan, shows: () => '"items":[' },
  listPlanAmbiguous: { ...shared, ask: ofPlan, shows: () => '"items":[' },
  listPlanTainted: { ...shared, ask: ofPlan, shows: () => '"items":[' },
  approvePlan: {
    async ask({ plan }) {
      const { id, digest } = await plan();
      return { params: { plan: id }, body: json({ digest }) };
    },
    shows: () => '"by":"person:',
  },
  askApproval: {
    async ask({ plan }) {
      return { params: { plan: (await plan()).id } };
    },
    shows: () => '"state":',
  },
  withdrawApprovals: {
    async ask({ plan, store }) {
      const { id, digest } = await plan();
      const atMs = Date.now();
      await createApprovals(store.pool).put(OWN, id, { digest, by: 'person:somebody', approvedAtMs: atMs, expiresAtMs: atMs + 60_000 });
      return { params: { plan: id } };
    },
    shows: () => '"state":',
  },
  createRun: {
    async ask({ plan }) {
      const { id, digest } = await plan();
      return { body: json({ plan: id, digest }) };
    },
    shows: () => '"intended":',
  },
  listRuns: { ask: () => ({}), shows: ({ firstRun }) => firstRun },
  showRun: runIn('paused'),
  showRunTotals: { ...runIn('paused'), shows: () => '"scopesMore":' },
  watchRun: { ask: async (world) => ({ params: { run: await world.run('paused') }, query: { seconds: '0' } }), shows: () => '"rowsLeft":' },
  listRunSteps: { ...runIn('paused'), shows: ({ action }) => action },
  pauseRun: runIn('running'),
  resumeRun: runIn('paused'),
  cancelRun: runIn('paused'),
  retryStep: stuckStep,
  skipStep: stuckStep,
  retrySteps: stuckSteps,
  skipSteps: stuckSteps,
};

const SERVICE: Readonly<Record<string, Fixture>> = {
  getLiveness: { ...shared, ask: () => ({}), shows: () => '"status":"ok"' },
  getReadiness: { ...shared, ask: () => ({}), shows: () => '"status":"ok"' },
  getHealth: { ...shared, ask: () => ({}), shows: () => '"status":"ok"' },
  getHealthDetails: { ...shared, ask: () => ({}), shows: () => '"status":"' },
  getMetrics: { ...shared, ask: () => ({}), shows: () => 'recant_' },
  getOpenApi: { ...shared, ask: () => ({}), shows: () => '"openapi":"3.1' },
};

/** By operation id. An operation without a fixture fails the test. */
export const FIXTURES: Readonly<Record<string, Fixture>> = { ...EVENTS, ...KEYS, ...EVIDENCE, ...ROLLBACK, ...SERVICE };
