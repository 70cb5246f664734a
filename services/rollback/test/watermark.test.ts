import type { PlanView } from '@recant/api';
import { waitUntil } from '@recant/test-support';
import { expect, test } from 'vitest';
import { TestSource } from '../../ledger/test/producer.ts';
import { createStage, type Stage } from './harness.ts';

const endOf = async (stage: Stage, { id, digest }: PlanView) => {
  const started = await stage.operator.createRun(id, digest);
  return waitUntil(async () => {
    const view = await stage.operator.run(started.id);
    return view.state === 'finished' ? view : undefined;
  });
};
const missingIn = ({ body }: PlanView) => body.watermark?.missing ?? [];
const idsOf = (plan: PlanView) => missingIn(plan).map(({ id }) => id);
const codeOf = (code: string, detail: string = '') => ({ problem: { code, detail: expect.stringContaining(detail) } });

/** An agent with a captured write, beside a source of the same agent of which events are missing. */
async function withHole(stage: Stage) {
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  const bad = await stage.agent('bad');
  await bad.sql('close', "UPDATE orders SET state = 'closed' WHERE id = 1");
  const source = new TestSource('bad');
  const apiKey = await stage.makeKey({ sourcePrefix: 'recant://bad', agents: ['bad'] });
  const send = stage.clientOf(apiKey);
  const [first, lost, orphan] = [source.opened(), source.intended(), source.intended()];
  const settled = source.settled(orphan.action);
  await send.submitBatch([first, settled]);
  return { source, send, lost, orphan, bad };
}

test('I7: a hole in a source of the selected agent and an attempt without an intent are named, refused, accepted by name, and no run ends fully restored', async () => {
  await using stage = await createStage();
  const { source, orphan } = await withHole(stage);
  const selection = { agents: ['bad'] };
  const plan = await stage.operator.createPlan({ selection });
  expect(plan).toMatchObject({ runnable: false, body: { steps: [{ step: 1 }], conflicts: [] } });
  expect(missingIn(plan)).toMatchObject([
    { kind: 'hole', subject: source.source, detail: '2 events of agent bad not recorded: number 2–3.' },
    { kind: 'without_intent', subject: source.source, detail: expect.stringContaining(`${orphan.action}/1`) },
  ]);
  await expect(stage.operator.createRun(plan.id, plan.digest)).rejects.toMatchObject(codeOf('plan_incomplete', idsOf(plan)[0]));

  const person = stage.withReason('the host is lost');
  const [hole = '', orphaned = ''] = idsOf(plan);
  const half = await person.createPlan({ selection, accept: [hole] });
  expect(half.runnable).toBe(false);
  await expect(person.createRun(half.id, half.digest)).rejects.toMatchObject(codeOf('plan_incomplete', orphaned));
  await expect(stage.operator.createPlan({ selection, accept: [hole] })).rejects.toMatchObject(codeOf('acceptance_without_reason'));
  for (const name of ['hole-0000000000000000', 'x'])
    await expect(person.createPlan({ selection, accept: [hole, name] })).rejects.toMatchObject(codeOf('missing_unknown', name));

  const accepted = await person.createPlan({ selection, accept: [hole, orphaned] });
  expect(accepted).toMatchObject({ runnable: true, body: { watermark: { acceptance: { reason: 'the host is lost' } } } });
  expect(missingIn(accepted).every((one) => one.accepted)).toBe(true);
  expect((await endOf(stage, accepted)).account).toMatchObject({ verdict: 'restored_unverified', unverified: { record_incomplete: 2 } });
  const { items } = await stage.operator.acts({});
  const act = items
    .map(({ event }) => event.data)
    .find(({ operation, object }) => operation === 'createPlan' && object.plan === accepted.id);
  expect(act).toMatchObject({ reason: 'the host is lost', detail: { missing: 2, accepted: [hole, orphaned] } });
  expect(await stage.audit()).toEqual([]);
});

test('what is missing later makes an acceptance stale; events that arrive before planning are in it', async () => {
  await using stage = await createStage();
  const { source, send, lost, orphan, bad } = await withHole(stage);
  const selection = { agents: ['bad'] };
  const person = stage.withReason('the host is lost');
  const accept = idsOf(await person.createPlan({ selection }));
  const accepted = await person.createPlan({ selection, accept });
  const skip = await person.createPlan({ selection, mode: 'skip' });
  source.event('recant.source.heartbeat.v1', 'heartbeat.1', { nothingOlderThan: new Date().toISOString() });
  await send.submitBatch([source.event('recant.source.heartbeat.v1', 'heartbeat.2', { nothingOlderThan: new Date().toISOString() })]);
  for (const { id, digest } of [accepted, skip])
    await expect(person.createRun(id, digest)).rejects.toMatchObject(codeOf('plan_stale', '2–3, 5'));
  await expect(person.createPlan({ selection, accept })).rejects.toMatchObject(codeOf('missing_unknown'));

  await send.submitBatch([lost.bytes, orphan.bytes]);
  const filled = await person.createPlan({ selection });
  expect(missingIn(filled)).toMatchObject([
    { kind: 'hole', detail: '1 event of agent bad not recorded: number 5.' },
    { kind: 'open_attempt', subject: `${lost.action}/1` },
  ]);
  expect(filled.body.left.map(({ ref, reason }) => [ref.action, reason]).sort()).toEqual(
    [
      [lost.action, 'open'],
      [orphan.action, 'no_effect'],
    ].sort(),
  );
  // An open attempt is a conflict until a person accepts it, and left all the same.
  expect(filled.body.conflicts).toMatchObject([{ kind: 'open', ref: { action: lost.action } }]);
  const without = await person.createPlan({ selection, accept: idsOf(filled) });
  expect(without).toMatchObject({ runnable: true, body: { conflicts: [] } });
  expect((await endOf(stage, without)).account).toMatchObject({ verdict: 'partly_restored' });
  await bad.close();
  expect(await stage.audit()).toEqual([]);
});

test('holes of other agents, outside the window, or of attempts that are complete and selected by id, block nothing', async () => {
  await using stage = await createStage();
  const { bad } = await withHole(stage);
  const good = await stage.agent('good');
  await good.sql('close', "UPDATE orders SET state = 'closed' WHERE id = 2");
  expect(missingIn(await stage.operator.createPlan({ selection: { agents: ['good'] } }))).toEqual([]);
  const { attempts } = await stage.store.queries.attempts('acme', { selection: { agents: ['bad'] }, limit: 10, nowMs: Date.now() });
  const action = attempts.find(({ tool }) => tool === 'close')?.ref.action as string;
  expect(missingIn(await stage.operator.createPlan({ selection: { actions: [action] } }))).toEqual([]);
  const later = new Date(Date.now() + 1).toISOString();
  await waitUntil(async () => new Date().toISOString() > later);
  await bad.sql('close', "UPDATE orders SET state = 'closed' WHERE id = 3");
  const plan = await stage.operator.createPlan({ selection: { agents: ['bad'] }, window: { from: later } });
  expect(plan).toMatchObject({ runnable: true, body: { steps: [{ step: 1 }] } });
  expect((await endOf(stage, plan)).account.verdict).toBe('fully_restored');
});
