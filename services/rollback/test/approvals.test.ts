import { createClient } from '@recant/client';
import { type ActRecorded, decodeEvent, type RecantEvent } from '@recant/events';
import { decodeFrame } from '@recant/ledger';
import { parseOnePerson } from '@recant/policy';
import { createOpenIdPeople } from '@recant/service';
import { createApprovals, createRuns, withSnapshot } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import { type TestProvider, testOpenIdProvider } from '@recant/test-support/openid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage, TENANT } from './harness.ts';

const AUDIENCE = 'urn:recant';
const ROLES = new Map([
  ['oncall', ['view', 'plan', 'execute']],
  ['lead', ['approve', 'plan']],
  ['keys', ['administer']],
] as const);

let provider: TestProvider;
let stage: Stage;
beforeAll(async () => {
  provider = await testOpenIdProvider();
  const rules = {
    issuer: provider.issuer,
    audience: AUDIENCE,
    algorithms: ['RS256'],
    tokenTypes: ['at+jwt'],
    rolesClaim: 'roles',
    roles: ROLES,
  };
  const onePerson = parseOnePerson('ada=ada-admin');
  stage = await createStage({
    approvals: 'always',
    ...(onePerson && { onePerson }),
    people: [createOpenIdPeople({ ...rules, tenant: { claim: 'org' } }, Date.now)],
  });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

const as = async (subject: string, roles: readonly string[], org = TENANT) =>
  createClient({
    url: stage.url,
    reason: 'INC-7: wrong prices',
    apiKey: await provider.signIn({ subject, claims: { roles, org } }, AUDIENCE),
  });

const problem = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    const { status, code } = (error as { problem: { status: number; code: string } }).problem;
    return `${status} ${code}`;
  }
  return 'taken';
};

/** A separate agent for each test, with one repriced row. */
async function repriced(agent: string, row: number): Promise<{ selection: { agents: string[] } }> {
  const recant = await stage.agent(agent);
  await recant.sql('reprice', `UPDATE orders SET price = 1 WHERE id = ${row}`);
  return { selection: { agents: [agent] } };
}

const priceOf = async (row: number): Promise<number> =>
  (await stage.shop.owner.query(`SELECT price FROM orders WHERE id = ${row}`)).rows[0].price;

async function entries(): Promise<RecantEvent[]> {
  const found: RecantEvent[] = [];
  await withSnapshot(stage.store.pool, TENANT, async (snapshot) => {
    for await (const { frame } of snapshot.entries()) {
      const decoded = decodeFrame(frame);
      const event = decoded?.kind === 'event' ? decodeEvent(decoded.body) : undefined;
      if (event?.ok) found.push(event.event);
    }
  });
  return found;
}

async function acts(operation: string): Promise<ActRecorded[]> {
  const all = (await entries()).flatMap((event) => (event.type === 'recant.act.recorded.v1' ? [event.data] : []));
  return all.filter((act) => act.operation === operation && act.outcome !== 'pending');
}

test('a run refused for a missing approval is an entry with caller and count', async () => {
  const eve = await as('eve', ['oncall']);
  const plan = await eve.createPlan(await repriced('unapproved', 9));
  for (let n = 0; n < 2; n += 1) expect(await problem(eve.createRun(plan.id, plan.digest))).toBe('409 approval_missing');
  const refusals = await waitUntil(async () => {
    const hers = (await acts('createRun')).filter(({ actor }) => actor?.id === 'person:eve');
    return hers.reduce((sum, { repeated }) => sum + (repeated?.count ?? 0), 0) === 2 ? hers : undefined;
  });
  for (const refusal of refusals) expect(refusal).toMatchObject({ outcome: 'refused', code: 'approval_missing' });
});

test('a plan runs after another person approved it; both are recorded', async () => {
  const [ada, bob] = [await as('ada', ['oncall', 'lead']), await as('bob', ['lead'])];
  const plan = await ada.createPlan(await repriced('pricer', 1));
  expect(plan).toMatchObject({ by: 'person:ada', approval: { state: 'missing', need: 'rule', given: [] } });
  expect(await problem(ada.createRun(plan.id, plan.digest))).toBe('409 approval_missing');
  expect(await problem(ada.approve(plan.id, plan.digest))).toBe('409 self_approval');
  expect(await problem(bob.approve(plan.id, '0'.repeat(64)))).toBe('409 plan_digest_mismatch');
  expect(await problem(bob.approve('nothing', plan.digest))).toBe('404 plan_unknown');
  expect(await problem(bob.approve(plan.id, plan.digest, 59))).toBe('400 request_invalid');
  expect(await problem(bob.approve(plan.id, plan.digest, 86_401))).toBe('400 request_invalid');
  expect(await problem(ada.createRun(plan.id, plan.digest))).toBe('409 approval_missing');

  const given = await bob.approve(plan.id, plan.digest);
  expect(given).toMatchObject({ digest: plan.digest, by: 'person:bob' });
  expect(Date.parse(given.expiresAt) - Date.parse(given.approvedAt)).toBe(3_600_000);
  expect((await ada.plan(plan.id)).approval).toEqual({ state: 'approved', need: 'rule', authors: ['person:ada'], given: [given] });
  const { id } = await ada.createRun(plan.id, plan.digest);
  await waitUntil(async () => (await ada.run(id)).state === 'finished');
  expect(await ada.run(id)).toMatchObject({ by: 'person:ada', approvals: [given], account: { verdict: 'fully_restored' } });
  expect(await priceOf(1)).toBe(100);

  const [approved] = (await acts('approvePlan')).filter(({ outcome }) => outcome === 'done');
  expect(approved).toMatchObject({
    actor: { id: 'person:bob' },
    object: { plan: plan.id, digest: plan.digest },
    detail: { expiresAt: given.expiresAt },
  });
  const { approvedAt, expiresAt } = given;
  const ran = (await acts('createRun')).filter(({ outcome }) => outcome === 'done');
  expect(ran).toMatchObject([
    {
      actor: { id: 'person:ada' },
      object: { run: id, plan: plan.id, digest: plan.digest },
      selection: { agents: ['pricer'] },
      reason: 'INC-7: wrong prices',
      detail: { approval: { by: 'person:bob', approvedAt, expiresAt } },
    },
  ]);
  const finished = (await acts('finishRun')).find(({ object }) => object.run === id);
  expect(finished).toMatchObject({ actor: { id: 'recant' }, detail: { verdict: 'fully_restored', outcomes: { restored: 1 } } });
  expect(await stage.audit()).toEqual([]);
});

test('a plan whose run is refused, or for which somebody asks, is an alarm until another person approves it or it runs', async () => {
  const [ada, bob] = [await as('ada', ['oncall', 'lead']), await as('bob', ['lead'])];
  const wanted = async (plan: string) => (await ada.alarms({ open: true })).items.filter(({ subject }) => subject === plan);
  const [refused, asked, rushed] = [
    await ada.createPlan(await repriced('refused', 21)),
    await ada.createPlan(await repriced('asked', 22)),
    await ada.createPlan(await repriced('rushed', 23)),
  ];
  expect(await wanted(refused.id)).toEqual([]);
  expect(await problem(ada.createRun(refused.id, refused.digest))).toBe('409 approval_missing');
  expect(await wanted(refused.id)).toMatchObject([
    {
      code: 'approval_wanted',
      detail: expect.stringContaining('made by person:ada'),
      action: expect.stringContaining(`recant approve ${refused.id}`),
    },
  ]);
  for (let n = 0; n < 2; n += 1) expect(await ada.askApproval(asked.id)).toMatchObject({ state: 'missing', need: 'rule' });
  expect(await wanted(asked.id)).toHaveLength(1);
  expect(await problem((await as('mallory', ['oncall'], 'other')).askApproval(asked.id))).toBe('404 plan_unknown');
  for (const plan of [refused, asked]) {
    await bob.approve(plan.id, plan.digest);
    expect(await wanted(plan.id)).toEqual([]);
  }
  expect(await ada.askApproval(asked.id)).toMatchObject({ state: 'approved' });
  expect(await wanted(asked.id)).toEqual([]);
  await ada.askApproval(rushed.id);
  await ada.createRun(rushed.id, rushed.digest, { breakGlass: true });
  expect(await wanted(rushed.id)).toEqual([]);
  // Nobody can start it again, so nobody waits.
  await ada.askApproval(rushed.id);
  expect(await wanted(rushed.id)).toEqual([]);
  await bob.approve(rushed.id, rushed.digest);
});

test('an approval is withdrawn before the start only, by anybody who may approve, and a new one counts again', async () => {
  const [ada, bob, lea] = [await as('ada', ['oncall']), await as('bob', ['lead']), await as('lea', ['lead'])];
  const plan = await ada.createPlan(await repriced('withdrawn', 5));
  expect(await problem(lea.withdrawApprovals(plan.id))).toBe('409 approval_none');
  await bob.approve(plan.id, plan.digest);
  expect(await problem(ada.withdrawApprovals(plan.id))).toBe('403 role_missing');
  expect(await problem((await as('mallory', ['lead'], 'other')).withdrawApprovals(plan.id))).toBe('404 plan_unknown');
  const state = await lea.withdrawApprovals(plan.id);
  expect(state).toMatchObject({ state: 'withdrawn', withdrawal: { by: 'person:lea', reason: 'INC-7: wrong prices' } });
  expect(state.given).toMatchObject([{ by: 'person:bob', withdrawn: true, reason: 'INC-7: wrong prices' }]);
  expect(await problem(lea.withdrawApprovals(plan.id))).toBe('409 approval_none');
  expect(await problem(ada.createRun(plan.id, plan.digest))).toBe('409 approval_withdrawn');
  await bob.approve(plan.id, plan.digest);
  const { id } = await ada.createRun(plan.id, plan.digest);
  expect(await problem(lea.withdrawApprovals(plan.id))).toBe('409 run_started');
  await waitUntil(async () => (await ada.run(id)).state === 'finished');
  expect(await priceOf(5)).toBe(100);
  const done = (await acts('withdrawApprovals')).filter(({ outcome }) => outcome === 'done');
  expect(done).toMatchObject([
    { actor: { id: 'person:lea' }, object: { plan: plan.id, digest: plan.digest }, reason: 'INC-7: wrong prices' },
  ]);
});

test('of a start and a withdrawal at once exactly one takes place', async () => {
  const [ada, bob, lea] = [await as('ada', ['oncall']), await as('bob', ['lead']), await as('lea', ['lead'])];
  const made = await repriced('raced', 6);
  const ends = new Set<string>();
  for (let n = 0; n < 12; n += 1) {
    const plan = await ada.createPlan(made);
    await bob.approve(plan.id, plan.digest);
    const [started, withdrawn] = await Promise.all([problem(ada.createRun(plan.id, plan.digest)), problem(lea.withdrawApprovals(plan.id))]);
    const end = `${started}; ${withdrawn}`;
    expect(['taken; 409 run_started', '409 approval_withdrawn; taken', '409 plan_stale; taken']).toContain(end);
    ends.add(end);
    if (started === 'taken') break;
  }
  expect(ends.size).toBeGreaterThan(0);
});

test('a run starts without its approval only on record: a reason, an act and an alarm that another person ends', async () => {
  const [ada, bob] = [await as('ada', ['oncall', 'lead']), await as('bob', ['lead'])];
  const plan = await ada.createPlan(await repriced('broken', 7));
  const silent = createClient({
    url: stage.url,
    apiKey: await provider.signIn({ subject: 'ada', claims: { roles: ['oncall'], org: TENANT } }, AUDIENCE),
  });
  expect(await problem(silent.createRun(plan.id, plan.digest, { breakGlass: true }))).toBe('400 break_glass_without_reason');
  const { id } = await ada.createRun(plan.id, plan.digest, { breakGlass: true });
  await waitUntil(async () => (await ada.run(id)).state === 'finished');
  expect(await priceOf(7)).toBe(100);
  expect(await ada.run(id)).toMatchObject({ approvals: [], breakGlass: { by: 'person:ada', reason: 'INC-7: wrong prices' } });
  const act = (await acts('createRun')).find(({ object }) => object.run === id);
  expect(act).toMatchObject({ outcome: 'done', reason: 'INC-7: wrong prices', detail: { breakGlass: 'rule' } });
  const alarms = async () =>
    (await stage.store.alarms.list(TENANT, { limit: 10, open: true })).alarms.filter(({ code }) => code === 'break_glass');
  expect(await alarms()).toMatchObject([{ subject: id, detail: expect.stringContaining('person:ada started the run') }]);

  expect(await problem(ada.approve(plan.id, plan.digest))).toBe('409 self_approval');
  expect(await alarms()).toHaveLength(1);
  await bob.approve(plan.id, plan.digest);
  expect(await alarms()).toEqual([]);
  const review = (await acts('approvePlan')).find(({ detail }) => detail?.reviewed === id);
  expect(review).toMatchObject({ actor: { id: 'person:bob' }, outcome: 'done' });
});

test('a plan that more people started without an approval is not reviewed by the one who did', async () => {
  const [ada, bob, lea] = [await as('ada', ['oncall']), await as('bob', ['oncall', 'lead']), await as('lea', ['lead'])];
  const plan = await ada.createPlan(await repriced('started', 8));
  await bob.createRun(plan.id, plan.digest, { breakGlass: true });
  expect(await problem(bob.approve(plan.id, plan.digest))).toBe('409 self_approval');
  await lea.approve(plan.id, plan.digest);
});

test('who may be the requester cannot approve: by a second login, by a key that they had, or behind a key of which nobody is known', async () => {
  const [ada, admin, bob, lea] = [
    await as('ada', ['oncall']),
    await as('ada-admin', ['lead']),
    await as('bob', ['lead', 'keys']),
    await as('lea', ['lead']),
  ];
  const made = await repriced('bound', 10);
  const hers = await ada.createPlan(made);
  expect(await problem(admin.approve(hers.id, hers.digest))).toBe('409 self_approval');

  const asked = { roles: ['plan', 'view'], agents: [], resources: [], sourcePrefix: 'recant://ops' } as const;
  const key = await bob.createKey({ ...asked, roles: [...asked.roles], agents: [], resources: [], person: 'ada' });
  expect(key.people).toEqual(['person:bob', 'person:ada']);
  const rotated = await lea.rotateKey(key.keyId).catch(() => undefined);
  expect(rotated).toBe(undefined);
  const keyed = await createClient({ url: stage.url, apiKey: key.apiKey }).createPlan(made);
  expect(await problem(bob.approve(keyed.id, keyed.digest))).toBe('409 self_approval');
  expect(await problem(admin.approve(keyed.id, keyed.digest))).toBe('409 self_approval');
  await lea.approve(keyed.id, keyed.digest);
  expect((await ada.plan(keyed.id)).approval.state).toBe('approved');
  const successor = await bob.rotateKey(key.keyId);
  expect(successor.people).toEqual(['person:bob', 'person:ada']);
  await bob.revokeKey(key.keyId);
  expect(await problem(bob.approve(keyed.id, keyed.digest))).toBe('409 self_approval');
});

test('a key of which nobody is known, made before keys had people, makes no plan that can be approved and no key of somebody', async () => {
  const [bob, lea] = [await as('bob', ['keys']), await as('lea', ['lead'])];
  const made = await repriced('unbound', 11);
  const asked = { roles: ['plan' as const], agents: [], resources: [], sourcePrefix: 'recant://ops' };
  const unbound = createClient({ url: stage.url, apiKey: await stage.makeKey({ roles: ['plan', 'administer'], agents: [], people: [] }) });
  const nobodys = await unbound.createPlan(made);
  expect((await bob.plan(nobodys.id)).approval).toMatchObject({ state: 'missing', authors: [] });
  expect(await problem(lea.approve(nobodys.id, nobodys.digest))).toBe('409 requester_unknown');
  // The person behind it could plan with the new key, and then sign in and approve.
  expect((await unbound.createKey(asked)).people).toEqual([]);
  expect(await problem(unbound.createKey({ ...asked, person: 'ada' }))).toBe('409 key_maker_unknown');
  const hers = await bob.createKey({ ...asked, person: 'ada' });
  expect((await unbound.rotateKey(hers.keyId)).people).toEqual([]);
  const old = await stage.store.credentials.create({ tenant: TENANT, ...asked });
  expect((await bob.rotateKey(old.credential.keyId)).people).toEqual([]);
});

test('the people of a key cannot be taken off it', async () => {
  await expect(stage.store.pool.query("UPDATE recant.credential SET people = '{}'")).rejects.toMatchObject({ code: '42501' });
});

test('keys cannot approve, nor people without the role or of another tenant', async () => {
  const plan = await stage.operator.createPlan(await repriced('shipper', 2));
  const key = createClient({ url: stage.url, apiKey: await stage.makeKey({ roles: ['approve', 'administer'], agents: [] }) });
  expect(await problem(key.approve(plan.id, plan.digest))).toBe('403 caller_type_not_allowed');
  expect(await problem((await as('eve', ['oncall'])).approve(plan.id, plan.digest))).toBe('403 role_missing');
  expect(await problem((await as('mallory', ['lead'], 'other')).approve(plan.id, plan.digest))).toBe('404 plan_unknown');
  expect((await stage.operator.plan(plan.id)).approval.given).toEqual([]);
});

test('an expired approval does not count, and the refusal names it', async () => {
  const bob = await as('bob', ['lead']);
  const plan = await stage.operator.createPlan(await repriced('stocker', 3));
  const now = Date.now();
  const expired = { digest: plan.digest, by: 'person:carl', approvedAtMs: now - 120_000, expiresAtMs: now - 60_000 };
  await createApprovals(stage.store.pool).put(TENANT, plan.id, expired);
  expect(await problem(stage.operator.createRun(plan.id, plan.digest))).toBe('409 approval_expired');
  expect((await stage.operator.plan(plan.id)).approval).toMatchObject({ state: 'expired', given: [{ by: 'person:carl' }] });
  await bob.approve(plan.id, plan.digest, 60);
  expect((await stage.operator.plan(plan.id)).approval).toMatchObject({
    state: 'approved',
    given: [{ by: 'person:bob' }, { by: 'person:carl' }],
  });
});

test('I8: a run in the store without an approval is claimed but not executed', async () => {
  const plan = await stage.operator.createPlan(await repriced('smuggler', 4));
  await createRuns(stage.store.pool).create(TENANT, {
    id: 'smuggled',
    plan: plan.id,
    digest: plan.digest,
    by: 'nobody',
    source: 'recant://recant/run/smuggled',
    steps: plan.body.steps.map(({ step }) => step),
    resources: [],
    events: [],
    sequenceNext: 1,
  });
  const alarmed = await waitUntil(async () => {
    const run = await stage.operator.run('smuggled');
    return run.alarm === undefined ? undefined : run;
  });
  expect(alarmed).toMatchObject({ state: 'queued', alarm: expect.stringContaining('needs a second person'), account: { open: 1 } });
  expect(await priceOf(4)).toBe(1);
});

test('an approval cannot be changed or deleted in the database', async () => {
  const { rowCount } = await stage.store.pool.query('SELECT 1 FROM recant.approval');
  expect(rowCount).toBeGreaterThan(0);
  for (const statement of [
    "UPDATE recant.approval SET expires_at = 'infinity'",
    'DELETE FROM recant.approval',
    "INSERT INTO recant.approval SELECT tenant_id, plan_id, 'a1b2', approved_at, digest, expires_at, 'approve', reason FROM recant.approval WHERE kind = 'approve'",
    "INSERT INTO recant.approval SELECT tenant_id, plan_id, 'a1b2', approved_at, digest, NULL, 'break_glass', NULL FROM recant.approval",
  ])
    await expect(stage.store.pool.query(statement), statement).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|23514)$/) });
});
