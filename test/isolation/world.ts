import { LEDGER_ROUTES, type Role, type RouteDescriptor, SERVICE_ROUTES } from '@recant/api';
import type { Client } from '@recant/client';
import { partDigest } from '@recant/events';
import { publishHead } from '@recant/ledger';
import { newSigningKey, parseSigningKeys } from '@recant/service-ledger/wire';
import { waitUntil } from '@recant/test-support';
import { type RunningLedger, SHARDS, startLedger } from '../../services/ledger/test/harness.ts';
import { changed, TestSource } from '../../services/ledger/test/producer.ts';

export const B = 'globex';
/** Part of everything that A sends, and of nothing that B sends. */
export const CANARY = 'zebra';
const B_ROLES: readonly Role[] = ['view', 'plan', 'execute', 'export', 'administer', 'emit'];
const keys = parseSigningKeys(newSigningKey('example.org/ledger'), 'a test');
/** Heads are published explicitly, so that their number does not depend on the duration of a test. */
const TIMING = { integrateMs: 20, publishMs: 20, anchorMs: 50, headMs: 100_000_000 };
/** The same as A's, in the world with A. */
export const SALT = Buffer.alloc(16, 7);
export const PART = Buffer.from('a part');
const ACTIONS = ['1', '2', '3', '4'].map((n) => `018f0000-0000-7000-8000-00000000000${n}`);

/** Freezes and fences of the worlds get random ids. */
const UNKNOWN_FREEZE = '018f0000-0000-4000-8000-000000000001';

export interface World {
  readonly ledger: RunningLedger;
  /** Raw answers to B from every route that it may read. */
  readonly answers: ReadonlyMap<string, { readonly status: number; readonly headers: Headers; readonly bytes: Buffer }>;
  /** Receipts for B's events. */
  readonly receipts: readonly unknown[];
}

/** A source with a fixed name, and so a fixed shard. */
function sourceOf(name: string): TestSource {
  return Object.assign(new TestSource('bot'), { source: `recant://bot/${name}` });
}

/** Runs B's fixed sequence. @param noise A's activity in between */
export async function liveOnce(noise: (ledger: RunningLedger, round: number) => Promise<void>): Promise<World> {
  const ledger = await startLedger({ evidence: { keys, timing: TIMING } });
  await noise(ledger, 0);
  const emitter = ledger.client((await ledger.makeKey({ tenant: B, label: 'agents' })).apiKey);
  const bearer = (await ledger.makeKey({ tenant: B, roles: [...B_ROLES], agents: ['bot'] })).apiKey;
  const operator = ledger.client(bearer);
  const receipts: unknown[] = [];
  const sources = ['one', 'two', 'three'].map(sourceOf);
  for (const [round, source] of sources.entries()) {
    receipts.push(await emitter.submitEvent(source.opened()));
    await noise(ledger, round + 1);
    receipts.push(...(await actAsB(emitter, source, ACTIONS[round] as string)));
  }
  await ledger.store.freezes.order(B, { scope: 'agent', value: 'bot', reason: 'b', by: 'b' });
  // Not over HTTP: acts have a source with a random name, and so a random shard.
  const { credential } = await ledger.makeKey({ tenant: B, roles: ['view'], label: 'spare' });
  await ledger.store.credentials.revoke(B, credential.keyId);
  await noise(ledger, 4);
  await covered(operator);
  for (let n = 0; n < 3; n++) await publish(ledger, n);
  await noise(ledger, 5);
  return { ledger, answers: await readAll(ledger, bearer), receipts };
}

async function actAsB(client: Client, source: TestSource, action: string): Promise<unknown[]> {
  const { events } = source.attempt(['postgres://shop/public.orders/1'], { action });
  const [intent] = events as [Uint8Array];
  await client.putPart(partDigest(SALT, PART), SALT.toString('base64url'), PART);
  const other = changed(intent, { time: '2030-01-01T00:00:00.000Z' });
  return [...(await client.submitBatch(events)), ...(await client.submitBatch([intent, other]))];
}

/** Waits until checkpoints cover all entries of B's logs. */
async function covered(operator: Client): Promise<void> {
  for (const { shard, size } of await operator.logs())
    await waitUntil(async () => (await operator.checkpoint(shard)).split('\n')[1] === String(size), {
      what: `a checkpoint of shard ${shard}`,
    });
}

function publish({ store }: RunningLedger, n: number) {
  let drawn = n;
  const random = (below: number) => ++drawn % below;
  return store.heads.exclusively((open) =>
    publishHead(open, { ledger: keys.ledger, signers: keys.signers, anchors: [], nowMs: Date.now() + n, random }),
  );
}

/** All reading routes, from the descriptors: a new one is included automatically, a new parameter fails until it has values. */
const READING: readonly RouteDescriptor[] = [...LEDGER_ROUTES, ...SERVICE_ROUTES]
  .filter(({ method }) => method === 'get')
  // B's refusals become an entry of its own log a second later: what refuses B is read last, so that no answer depends on how long the reading takes.
  .toSorted((a, b) => Number(isRefused(a)) - Number(isRefused(b)));
const VALUES: Readonly<Record<string, readonly string[]>> = {
  shard: Array.from({ length: SHARDS }, (_, shard) => String(shard)),
  action: ACTIONS,
  digest: [partDigest(SALT, PART), '0'.repeat(64)],
  subject: ['customer-42', CANARY],
  freeze: [UNKNOWN_FREEZE],
  fence: [UNKNOWN_FREEZE],
  path: ['0/000', '0/000.p/5', 'entries/000.p/5', '1/000'],
};
const QUERIES: Readonly<Record<string, readonly string[]>> = {
  listAttempts: ['', '?limit=1', '?agent=bot&order=oldest&limit=2', `?agent=${CANARY}`, '?resource=postgres://*'],
  listSources: ['', '?limit=1&totals=true', '?gaps=true'],
  listDeadLetters: ['', '?limit=1'],
  listActs: ['', '?limit=1'],
  listFreezes: ['', '?all=true', '?limit=1'],
  listFences: ['', '?all=true', '?limit=1'],
  getDurability: [`?source=recant://bot/one&id=${ACTIONS[0]}.1.intended`, `?source=recant://bot/${CANARY}&id=opened`],
};

function isRefused({ tenant, roles }: RouteDescriptor): boolean {
  return tenant === 'operator' || (roles !== 'public' && !roles.some((role) => B_ROLES.includes(role)));
}

async function readAll({ url }: RunningLedger, bearer: string): Promise<World['answers']> {
  const answers = new Map<string, { status: number; headers: Headers; bytes: Buffer }>();
  const read = async (path: string): Promise<void> => {
    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${bearer}` } });
    const bytes = Buffer.from(await response.arrayBuffer());
    answers.set(path, { status: response.status, headers: response.headers, bytes });
  };
  for (const route of READING)
    for (const path of pathsOf(route.path)) for (const query of QUERIES[route.operationId] ?? ['']) await read(`${path}${query}`);
  return answers;
}

function pathsOf(template: string): readonly string[] {
  const name = /\{(\w+)\}/.exec(template)?.[1];
  if (name === undefined) return [template];
  const values = VALUES[name];
  if (values === undefined) throw new Error(`add values for ${name} here`);
  return values.flatMap((value) => pathsOf(template.replace(`{${name}}`, value)));
}
