import { ConnectorError } from '@recant/connector';
import { expect, test } from 'vitest';
import { accountOf, type Driven, driveRun, RUNNER_CONFIG, summarize } from '../src/index.ts';
import { RUN_TABLE } from '../src/run-machine.ts';
import { STEP_TABLE } from '../src/step-machine.ts';
import { actionOf, type FakeWorld, fakeWorld, type Hook, type Write } from './fakes.ts';

const A = (row: number) => `postgres://a/t/${row}`;
const B = (row: number) => `postgres://b/t/${row}`;
const write = (attempt: string, resource: string, before: string, after: string): Write => ({ attempt, resource, before, after });
const CONFIG = { ...RUNNER_CONFIG, tries: 2, retryMs: 1 };

const drive = async (world: FakeWorld, config = CONFIG): Promise<Driven> => driveRun(world.ports, await world.store.claim(), config);
const outcomes = (world: FakeWorld) => world.store.record.steps.map(({ outcome }) => outcome);
const codes = (world: FakeWorld) => world.store.record.steps.map(({ findings }) => findings.map(({ code }) => code));
const account = (world: FakeWorld) => accountOf(summarize(world.body), world.store.record.steps);
const types = (world: FakeWorld) => world.events.map(({ type }) => type.replace(/^recant\.|\.v1$/g, ''));

test('a chain is undone last write first; every intent is acknowledged before its inverse', async () => {
  const calls: string[] = [];
  const world = fakeWorld(
    [write('p', A(1), '0', '1'), write('q', A(1), '1', '2'), write('r', A(2), '0', '1')],
    (call, when) => when === 'before' && calls.push(call),
  );
  expect(await drive(world)).toBe('finished');
  expect(outcomes(world)).toEqual(['restored', 'restored', 'restored']);
  expect([...(world.targets.get('a')?.live.values() ?? [])]).toEqual(['0', '0']);
  expect(account(world).verdict).toBe('restored_unverified');
  expect(calls.indexOf('send')).toBeLessThan(calls.indexOf('a.invert'));
  expect(types(world).at(-2)).toBe('act.recorded');
  expect(world.events.map(({ sequence }) => Number(sequence))).toEqual(world.events.map((_, at) => at + 1));
});

test('I5: a part changed since is not written, nor are the writes before it', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1'), write('q', A(1), '1', '2'), write('r', A(2), '0', '1')]);
  world.targets.get('a')?.live.set(`${A(1)} x`, 'somebody');
  await drive(world);
  expect(world.targets.get('a')?.live.get(`${A(1)} x`)).toBe('somebody');
  expect(world.body.steps.map(({ undoes }, at) => [undoes.action, outcomes(world)[at]])).toEqual([
    [actionOf('r'), 'restored'],
    [actionOf('q'), 'conflicted'],
    [actionOf('p'), 'conflicted'],
  ]);
  expect(codes(world)).toEqual([[], ['drift'], ['predecessor']]);
  expect(account(world).verdict).toBe('partly_restored');
});

test('a write after the inverse’s transaction is later work: the step stays restored', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1')], (call, when) => {
    if (call === 'a.invert' && when === 'after') world.targets.get('a')?.live.set(`${A(1)} x`, 'faster');
  });
  await drive(world);
  expect([outcomes(world), codes(world)]).toEqual([['restored'], [[]]]);
});

test('I5: in mode refuse nothing is written if one step cannot be undone any more', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1'), write('q', B(1), '0', '1')], undefined, 'refuse');
  world.targets.get('b')?.live.set(`${B(1)} x`, 'somebody');
  await drive(world);
  expect([outcomes(world).sort(), codes(world).flat().sort()]).toEqual([
    ['conflicted', 'skipped'],
    ['drift', 'refused'],
  ]);
  expect([...world.targets.values()].flatMap(({ writes }) => writes)).toEqual([]);
  expect([account(world).verdict, types(world).includes('recant.attempt.intended.v1')]).toEqual(['not_restored', false]);
});

test('I5: in mode refuse a conflict after the first write holds the run: nothing further is written until a person retries or skips', async () => {
  const held = async (): Promise<FakeWorld> => {
    let inverted = 0;
    const world: FakeWorld = fakeWorld(
      [write('p', A(1), '0', '1'), write('q', A(2), '0', '1'), write('r', A(3), '0', '1')],
      (call, when) => {
        if (call === 'a.invert' && when === 'after' && ++inverted === 1) world.targets.get('a')?.live.set(`${A(2)} x`, 'somebody');
      },
      'refuse',
    );
    expect(await drive(world, { ...CONFIG, batchSteps: 1 })).toBe('waiting');
    return world;
  };
  const decide = async (world: FakeWorld, state: 'started' | 'skipping') => {
    const steps = world.store.record.steps.map((step) => (step.state === 'stuck' ? { ...step, state } : step));
    world.store.record = { ...world.store.record, state: 'queued', steps };
    return drive(world, { ...CONFIG, batchSteps: 1 });
  };
  const world = await held();
  expect(world.store.record.steps.map(({ state }) => state)).toEqual(['ended', 'stuck', 'pending']);
  expect([codes(world)[1], world.targets.get('a')?.writes.length]).toEqual([['drift'], 1]);
  expect(await decide(world, 'started')).toBe('waiting');
  world.targets.get('a')?.live.set(`${A(2)} x`, '1');
  expect(await decide(world, 'started')).toBe('finished');
  expect(outcomes(world)).toEqual(['restored', 'restored', 'restored']);

  const skipped = await held();
  expect(await decide(skipped, 'skipping')).toBe('finished');
  expect(outcomes(skipped)).toEqual(['restored', 'skipped', 'restored']);
  expect(account(skipped).verdict).toBe('partly_restored');
});

test('I8: a run with an objection writes and sends nothing, and resumes at the first claim without one', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1')]);
  const objecting = { ...world.ports, objection: async () => 'Nobody has approved it.' };
  expect(await driveRun(objecting, await world.store.claim(), CONFIG)).toBe('alarmed');
  expect([world.targets.get('a')?.writes, world.events, world.store.alarm]).toEqual([[], [], 'Nobody has approved it.']);
  expect(await driveRun({ ...objecting, objection: async () => undefined }, await world.store.claim(), CONFIG)).toBe('finished');
  expect(outcomes(world)).toEqual(['restored']);
});

test('a step whose plan differs from the ledger’s entries fails before any write', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1')]);
  world.ledger.effects = world.ledger.effects.map((effect) => ({ ...effect, parts: { x: { before: 'forged', after: '1' } } }));
  await drive(world);
  expect([outcomes(world), codes(world), world.targets.get('a')?.writes]).toEqual([['failed'], [['plan_mismatch']], []]);
});

test('I13: a key that is no longer registered for a resource undoes nothing there', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1')]);
  world.ledger.attempts = world.ledger.attempts.map((attempt) => ({ ...attempt, registered: [] }));
  await drive(world);
  expect([outcomes(world), codes(world), world.targets.get('a')?.writes]).toEqual([['failed'], [['not_registered']], []]);
});

test('I8: a plan that was changed after its approval does not run at all', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1')]);
  world.store.record = { ...world.store.record, header: { ...world.store.record.header, mode: 'refuse' } };
  expect(await drive(world)).toBe('alarmed');
  expect([world.targets.get('a')?.writes, world.events, world.store.alarm]).toEqual([[], [], expect.stringContaining('approved')]);
});

test('an attempt on two systems is undone on both or on none, as account and ledger report', async () => {
  const both = [write('p', A(1), '0', '1'), write('p', B(1), '0', '1')];
  const good = fakeWorld(both);
  await drive(good);
  expect(outcomes(good)).toEqual(['restored']);

  const bad = fakeWorld(both);
  const b = bad.targets.get('b');
  if (b) b.refuse = () => 'conflicted';
  await drive(bad);
  expect([outcomes(bad), codes(bad)]).toEqual([['conflicted'], [['constraint', 'taken_back']]]);
  expect([bad.targets.get('a')?.live.get(`${A(1)} x`), b?.live.get(`${B(1)} x`)]).toEqual(['1', '1']);
  const intents = bad.events.flatMap((event) => (event.type === 'recant.attempt.intended.v1' ? [event.data] : []));
  expect(intents.map(({ tool, inverts }) => [tool, inverts?.action])).toEqual([
    ['undo', actionOf('p')],
    ['take_back', intents[0]?.action],
  ]);
});

test('I5: in mode refuse a step that was put back holds the run for a person: a retry ends it as refused, a skip as skipped, and nothing more is sent for it', async () => {
  for (const [state, ended] of [
    ['started', 'conflicted'],
    ['skipping', 'skipped'],
  ] as const) {
    const world = fakeWorld([write('p', A(1), '0', '1'), write('p', B(1), '0', '1'), write('q', A(2), '0', '1')], undefined, 'refuse');
    const b = world.targets.get('b');
    // Not at the rehearsals, which ask first.
    if (b) b.refuse = () => ((world.targets.get('a')?.writes.length ?? 0) > 0 ? 'conflicted' : undefined);
    expect(await drive(world, { ...CONFIG, batchSteps: 1 })).toBe('waiting');
    const at = world.store.record.steps.findIndex(({ state: one }) => one === 'stuck');
    expect([codes(world)[at], world.targets.get('a')?.live.get(`${A(1)} x`)]).toEqual([['constraint', 'taken_back'], '1']);
    const steps = world.store.record.steps.map((step) => (step.state === 'stuck' ? { ...step, state } : step));
    world.store.record = { ...world.store.record, state: 'queued', steps };
    expect(await drive(world, { ...CONFIG, batchSteps: 1 })).toBe('finished');
    expect(outcomes(world)[at]).toBe(ended);
    expect(world.store.record.steps.filter(({ outcome }) => outcome === 'restored')).toHaveLength(1);
    expect(['a', 'b'].map((name) => world.targets.get(name)?.live.get(`${name === 'a' ? A(1) : B(1)} x`))).toEqual(['1', '1']);
    const settled = world.events.filter(({ type }) => type === 'recant.attempt.settled.v1').map(({ id }) => id);
    expect(new Set(settled).size).toBe(settled.length);
  }
});

test('guards of all systems are probed before the first is written', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1'), write('p', B(1), '0', '1')]);
  world.targets.get('b')?.live.set(`${B(1)} x`, 'somebody');
  await drive(world);
  expect([outcomes(world), world.targets.get('a')?.writes, world.events.some(({ type }) => type === 'recant.attempt.intended.v1')]).toEqual(
    [['conflicted'], [], false],
  );
});

test('a system that is away for too long makes its steps stuck while others continue; a person retries or skips', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1'), write('q', B(1), '0', '1'), write('r', A(2), '0', '1')]);
  const a = world.targets.get('a');
  if (a) a.away = true;
  expect(await drive(world, { ...CONFIG, awayMs: 0 })).toBe('waiting');
  expect(world.store.record.steps.map(({ state }) => state)).toEqual(['stuck', 'ended', 'stuck']);
  const [retried, , skipped] = world.store.record.steps;
  world.store.record = {
    ...world.store.record,
    state: 'queued',
    steps: world.store.record.steps.map((step) =>
      step === retried ? { ...step, state: 'started' } : step === skipped ? { ...step, state: 'skipping' } : step,
    ),
  };
  if (a) a.away = false;
  expect(await drive(world)).toBe('finished');
  expect(outcomes(world)).toEqual(['restored', 'restored', 'skipped']);
});

test('C9: a system that is away for minutes is tried again with growing delays, and the run ends by itself; other systems do not wait', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1'), write('q', B(1), '0', '1'), write('r', A(2), '0', '1')]);
  const a = world.targets.get('a');
  if (a) a.away = true;
  const delays: number[] = [];
  for (let driven = await drive(world); driven !== 'finished'; driven = await drive(world)) {
    if (typeof driven !== 'object') throw new Error(driven);
    expect(world.store.record.steps.map(({ state }) => state === 'ended')).toEqual([false, true, false]);
    expect(world.store.record.waits).toMatchObject([
      { for: 'system', system: 'a', tries: delays.length + 1, detail: 'unreachable: a is away' },
    ]);
    delays.push(driven.awayMs);
    await world.ports.clock.sleep(driven.awayMs);
    if (a) a.away = delays.length < 8;
  }
  expect(delays).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  expect([outcomes(world), world.store.record.waits]).toEqual([['restored', 'restored', 'restored'], []]);
});

test('mode refuse waits for a system that is away before its first write', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1'), write('q', B(1), '0', '1')], undefined, 'refuse');
  const b = world.targets.get('b');
  if (b) b.away = true;
  expect(await drive(world)).toEqual({ awayMs: 2_000 });
  expect([...world.targets.values()].flatMap(({ writes }) => writes)).toEqual([]);
  await world.ports.clock.sleep(2_000);
  if (b) b.away = false;
  expect(await drive(world)).toBe('finished');
  expect(outcomes(world)).toEqual(['restored', 'restored']);
});

test('U17: of 1,000 steps exactly the one with which its target fails is stuck, whether it answers with an error or ends the connection', async () => {
  const writes = Array.from({ length: 1_000 }, (_, row) => write(`p${row}`, A(row), '0', '1'));
  for (const error of [new Error('a defect'), new ConnectorError('unreachable', 'Connection terminated unexpectedly')]) {
    const world = fakeWorld(writes);
    const a = world.targets.get('a');
    if (a) a.poison = (step) => (step.step === 700 ? error : undefined);
    expect(await drive(world)).toBe('waiting');
    const stuck = world.store.record.steps.filter(({ state }) => state !== 'ended');
    expect(stuck).toMatchObject([{ step: 700, state: 'stuck', findings: [{ code: 'target_error', detail: error.message, system: 'a' }] }]);
    expect([a?.writes.length, world.store.record.waits]).toEqual([999, []]);
    // Bisecting costs a few calls of one batch, not one for each step.
    expect(a?.calls.invert).toBeLessThan(20 + 2 * 6 + 2);
  }
});

test('U18: a step whose row is held is tried again beside the others, and needs a person only after a while', async () => {
  for (const [until, end] of [
    [4, 'finished'],
    [Number.POSITIVE_INFINITY, 'waiting'],
  ] as const) {
    const world = fakeWorld([write('p', A(1), '0', '1'), write('q', A(2), '0', '1'), write('r', A(2), '1', '2')]);
    const a = world.targets.get('a');
    let held = 0;
    if (a) a.locked = (step) => step.effects.some(({ resource }) => resource === A(1)) && ++held <= until;
    expect(await drive(world)).toBe(end);
    expect(outcomes(world).filter((outcome) => outcome === 'restored')).toHaveLength(end === 'finished' ? 3 : 2);
    const stuck = world.store.record.steps.filter(({ state }) => state === 'stuck');
    expect(stuck.map(({ findings }) => findings.map(({ code }) => code))).toEqual(end === 'finished' ? [] : [['locked']]);
  }
});

test('U23: a chain is sent as a whole; where one of its steps is stuck, those after it wait for it, and go on once it is retried', async () => {
  const chain = Array.from({ length: 100 }, (_, at) => write(`c${at}`, A(1), String(at), String(at + 1)));
  const world = fakeWorld(chain);
  const a = world.targets.get('a');
  if (a) a.refuse = ({ step }) => (step === 40 ? 'stuck' : undefined);
  expect(await drive(world)).toBe('waiting');
  const states = world.store.record.steps.map(({ state }) => state);
  expect([states[38], states[39], new Set(states.slice(40))]).toEqual(['ended', 'stuck', new Set(['pending'])]);
  if (a) a.refuse = () => undefined;
  const steps = world.store.record.steps.map((step) => (step.state === 'stuck' ? { ...step, state: 'started' as const } : step));
  world.store.record = { ...world.store.record, state: 'queued', steps };
  expect(await drive(world)).toBe('finished');
  expect([new Set(outcomes(world)), a?.live.get(`${A(1)} x`), a?.writes.length]).toEqual([new Set(['restored']), '0', 100]);
  // 40 of the first 50 were answered; then the stuck one, and the rest in batches.
  expect(a?.calls.invert).toBeLessThanOrEqual(5);
  expect(world.events.filter(({ type }) => type === 'recant.attempt.intended.v1')).toHaveLength(100);
  expect(world.events.filter(({ type }) => type === 'recant.attempt.settled.v1')).toHaveLength(100);
});

test('U23: a conflict within a chain that is sent as a whole ends what must follow it, with the step that is to blame', async () => {
  const world = fakeWorld(Array.from({ length: 9 }, (_, at) => write(`c${at}`, A(1), String(at), String(at + 1))));
  const a = world.targets.get('a');
  if (a) a.refuse = ({ step }) => (step === 4 ? 'conflicted' : undefined);
  expect(await drive(world)).toBe('finished');
  expect(codes(world).map(([code]) => code)).toEqual([
    undefined,
    undefined,
    undefined,
    'constraint',
    ...Array.from({ length: 5 }, () => 'predecessor'),
  ]);
});

test('a step that became stuck before its intent gets one when a person retries it', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1')]);
  const steps = world.store.record.steps.map((step) => ({ ...step, state: 'started' as const }));
  world.store.record = { ...world.store.record, steps };
  expect(await drive(world)).toBe('finished');
  expect(outcomes(world)).toEqual(['restored']);
  expect(world.events.filter(({ type }) => type === 'recant.attempt.intended.v1')).toHaveLength(1);
});

test('U20: an attempt on 300 rows with keys of 300 characters is undone: its intent fits into an event', async () => {
  const world = fakeWorld(Array.from({ length: 300 }, (_, row) => write('p', A(row) + 'k'.repeat(300), '0', '1')));
  expect(await drive(world)).toBe('finished');
  expect(outcomes(world)).toEqual(['restored']);
});

test('without an acknowledgement of the intent nothing is undone', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1')], (call, when) => {
    if (call === 'send' && when === 'before') throw new Error('no route to the ledger');
  });
  await expect(drive(world)).rejects.toMatchObject({ code: 'ledger_unavailable' });
  expect(world.targets.get('a')?.writes).toEqual([]);
});

test('a worker that lost its claim writes nothing', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1')]);
  const claim = await world.store.claim();
  await world.store.claim();
  await expect(driveRun(world.ports, claim, CONFIG)).resolves.toBe('finished');
  expect([world.targets.get('a')?.writes, world.store.record.state]).toEqual([[], 'queued']);
});

test('pause and cancel take effect at the next safe point; steps not started end skipped', async () => {
  const ask = (state: 'pausing' | 'cancelling'): FakeWorld => {
    const world: FakeWorld = fakeWorld([write('p', A(1), '0', '1'), write('q', A(2), '0', '1')], (call, when) => {
      if (call === 'a.invert' && when === 'before') world.store.record = { ...world.store.record, state };
    });
    return world;
  };
  const paused = ask('pausing');
  expect(await drive(paused, { ...CONFIG, batchSteps: 1 })).toBe('paused');
  expect(outcomes(paused)).toEqual(['restored', undefined]);
  const cancelled = ask('cancelling');
  expect(await drive(cancelled, { ...CONFIG, batchSteps: 1 })).toBe('cancelled');
  expect(outcomes(cancelled)).toEqual(['restored', 'skipped']);
});

const SCENES: readonly [string, readonly Write[], (world: FakeWorld) => void][] = [
  ['a chain and a branch', [write('p', A(1), '0', '1'), write('q', A(1), '1', '2'), write('r', B(2), '0', '1')], () => undefined],
  ['two systems', [write('p', A(1), '0', '1'), write('p', B(1), '0', '1'), write('q', A(1), '1', '2')], () => undefined],
  [
    'two systems, one refuses',
    [write('p', A(1), '0', '1'), write('p', B(1), '0', '1')],
    (world) => Object.assign(world.targets.get('b') ?? {}, { refuse: () => 'conflicted' }),
  ],
];

test.each(SCENES)(
  'I6: killed before or after any call to the outside, the next worker ends it as if nothing had been (%s)',
  async (_name, writes, arrange) => {
    const end = (world: FakeWorld) => ({
      outcomes: outcomes(world),
      live: [...world.targets.values()].map(({ live }) => [...live]),
      writes: [...world.targets.values()].map((target) => target.writes.length),
      types: types(world).sort(),
    });
    const whole = fakeWorld(writes);
    arrange(whole);
    await drive(whole);
    for (let at = 1; ; at++) {
      let calls = 0;
      let dead = false;
      // A killed process makes no more calls: everything after the kill fails until the next worker starts.
      const hook: Hook = () => {
        dead ||= ++calls === at;
        if (dead) throw new Error('killed');
      };
      const world = fakeWorld(writes, hook);
      arrange(world);
      await drive(world).catch(() => undefined);
      if (!dead) break;
      dead = false;
      calls = Number.NEGATIVE_INFINITY;
      await drive(world);
      // Events of a run that ended before its worker died are sent by the outbox loop.
      await world.ports.emitter.flush('t', world.store.record.source);
      expect(end(world), `killed at call ${at}`).toEqual(end(whole));
    }
  },
);

test('the transition tables are total, and final states have no exit', () => {
  for (const [state, cells] of Object.entries(RUN_TABLE)) expect(Object.keys(cells), state).toHaveLength(8);
  for (const [state, cells] of Object.entries(STEP_TABLE)) expect(Object.keys(cells), state).toHaveLength(7);
  for (const end of [RUN_TABLE.finished, RUN_TABLE.cancelled, STEP_TABLE.ended])
    expect(Object.values(end).every((next) => next === undefined)).toBe(true);
});
