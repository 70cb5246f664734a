import { createHash } from 'node:crypto';
import { canonicalize } from '@recant/events';
import { expect, test } from 'vitest';
import { type PlanInput, planDigest, type RecordedAttempt, type RecordedEffect } from '../src/index.ts';
import { plan } from './whole-plan.ts';
import { attemptOf, effect, refOf, SYSTEMS } from './world.ts';

const ROW = 'postgres://shop/public.t/1';
const OTHER = 'postgres://shop/public.t/2';

function inputOf(
  attempts: readonly RecordedAttempt[],
  effects: readonly RecordedEffect[],
  selected: readonly string[],
  mode: 'refuse' | 'skip' = 'skip',
): PlanInput {
  return {
    tenant: 't',
    mode,
    selection: { agents: ['a'] },
    vector: { 0: 9n },
    selected: attempts.filter(({ ref }) => selected.includes(ref.action)),
    attempts,
    effects,
    systems: SYSTEMS,
  };
}
const write = (before: string | null, after: string | null) => ({ x: { before, after } });
const left = (input: PlanInput) => plan(input).left.map(({ ref, reason }) => [ref.action, reason]);
const conflicts = (input: PlanInput) => plan(input).conflicts.map(({ kind, ref, by }) => [kind, ref.action, by?.ref.action]);

test('an equal value written later by somebody else is a write, and is named with agent, tool and attempt', () => {
  const attempts = [attemptOf('bad', 0), attemptOf('good', 1, { agent: 'g', tool: 'confirm' })];
  const input = inputOf(attempts, [effect('bad', 1, ROW, write('1', '2')), effect('good', 2, ROW, write('2', '2'))], ['bad'], 'refuse');
  expect(plan(input).conflicts).toEqual([
    expect.objectContaining({
      kind: 'later_write',
      ref: refOf('bad'),
      resource: ROW,
      part: 'x',
      by: { ref: refOf('good'), agent: 'g', tool: 'confirm' },
    }),
  ]);
});

test('a later write to another part of the same row is no conflict', () => {
  const effects = [effect('bad', 1, ROW, write('1', '2')), effect('good', 2, ROW, { y: { before: '1', after: '2' } })];
  expect(plan(inputOf([attemptOf('bad', 0), attemptOf('good', 1)], effects, ['bad'], 'refuse'))).toMatchObject({
    conflicts: [],
    steps: [{ step: 1, systems: [{ knownOrdinals: { [ROW]: '2' } }] }],
  });
});

test('ordinals are numbers, not text', () => {
  const effects = [effect('late', 10, ROW, write('2', '3')), effect('early', 9, ROW, write('1', '2'))];
  expect(
    plan(inputOf([attemptOf('late', 0), attemptOf('early', 1)], effects, ['late', 'early'])).steps.map(({ undoes, after }) => [
      undoes.action,
      after,
    ]),
  ).toEqual([
    ['late', []],
    ['early', [1]],
  ]);
});

test('an unrecorded change between two recorded writes is drift, unless the target captured both and can be asked', () => {
  const effects = [effect('bad', 1, ROW, write('1', '2')), effect('worse', 2, ROW, write('5', '6'))];
  expect(conflicts(inputOf([attemptOf('bad', 0), attemptOf('worse', 1)], effects, ['bad', 'worse']))).toEqual([
    ['drift', 'bad', undefined],
  ]);
  const captured = effects.map((one) => ({ ...one, captured: true as const }));
  const asked = plan(inputOf([attemptOf('bad', 0), attemptOf('worse', 1)], captured, ['bad', 'worse']));
  expect(asked).toMatchObject({ conflicts: [], steps: [{ undoes: refOf('worse') }, { undoes: refOf('bad') }] });
});

test('a write to a created row depends on it; a read is only tainted', () => {
  const attempts = [attemptOf('create', 0), attemptOf('reader', 1, { agent: 'r' }), attemptOf('writer', 2, { agent: 'w' })];
  const create = effect('create', 1, ROW, { exists: { before: null, after: 'e' } }, { operation: 'insert' });
  const read = effect('reader', 2, ROW, {}, { operation: 'read', reads: { exists: 'e' } });
  const lean = effect('writer', 3, ROW, { z: { before: '1', after: '2' } }, { reads: { exists: 'e' } });
  expect(conflicts(inputOf(attempts, [create, read, lean], ['create']))).toEqual([['later_write', 'create', 'writer']]);
  expect(plan(inputOf(attempts, [create, read], ['create']))).toMatchObject({
    conflicts: [],
    steps: [{ undoes: refOf('create') }],
    tainted: [{ agent: 'r', resource: ROW, parts: ['exists'] }],
  });
  expect(plan(inputOf(attempts, [create, lean], ['create', 'writer'])).steps.map(({ undoes }) => undoes.action)).toEqual([
    'writer',
    'create',
  ]);
});

test('attempts that read a value or changed the resource after it may have built on what is undone; earlier ones and undone ones did not', () => {
  const OTHER = 'postgres://shop/public.t/2';
  const agents = ['before', 'bad', 'reader', 'both', 'later', 'elsewhere'] as const;
  const attempts = agents.map((name, at) => attemptOf(name, at, { agent: name }));
  const effects = [
    effect('before', 1, ROW, { y: { before: '1', after: '2' } }),
    effect('bad', 2, ROW, write('1', '2')),
    effect('reader', 3, ROW, {}, { operation: 'read', reads: { x: '2' } }),
    effect('both', 4, ROW, { y: { before: '2', after: '3' } }, { reads: { x: '2' } }),
    effect('later', 5, ROW, { y: { before: '3', after: '4' } }),
    effect('later', 6, ROW, { z: { before: '3', after: '4' } }),
    effect('elsewhere', 7, OTHER, write('1', '2')),
  ];
  const body = plan(inputOf(attempts, effects, ['bad']));
  expect(body.steps).toHaveLength(1);
  expect(body.tainted).toEqual([
    { ref: refOf('reader'), agent: 'reader', tool: expect.any(String), resource: ROW, parts: ['x'] },
    { ref: refOf('both'), agent: 'both', tool: expect.any(String), resource: ROW, parts: ['x'] },
    { ref: refOf('later'), agent: 'later', tool: expect.any(String), resource: ROW, parts: ['y', 'z'], wrote: true },
  ]);
  expect(plan(inputOf(attempts, effects, ['bad', 'later'])).tainted.map(({ agent }) => agent)).toEqual(['reader', 'both']);
  const alone = plan(inputOf(attempts, effects, ['elsewhere']));
  expect(alone.tainted).toEqual([]);
});

test.each([
  ['open', { status: 'open', complete: false }, 'open'],
  ['unknown', { status: 'unknown', complete: false }, 'open'],
  ['missing chunks', { complete: false }, 'incomplete'],
  ['declared irreversible', { reversibility: 'irreversible' }, 'irreversible'],
  ['a key registered elsewhere', { registered: ['postgres://shop/public.u/*'] }, 'not_registered'],
] as const)('%s: a conflict in refuse, left in skip, and never a step', (_name, change, reason) => {
  const attempts = [attemptOf('bad', 0, change)];
  const effects = [effect('bad', 1, ROW, write('1', '2'))];
  expect(left(inputOf(attempts, effects, ['bad']))).toEqual([['bad', reason]]);
  expect(plan(inputOf(attempts, effects, ['bad'], 'refuse'))).toMatchObject({ steps: [], conflicts: [{ kind: reason }] });
});

test('an effect without an inverse makes its attempt irreversible; an attempt without effects has nothing to undo', () => {
  const { compensation: _none, ...bare } = effect('bad', 1, ROW, write('1', '2'));
  expect(left(inputOf([attemptOf('bad', 0)], [bare], ['bad']))).toEqual([['bad', 'irreversible']]);
  expect(plan(inputOf([attemptOf('bad', 0)], [], ['bad'], 'refuse'))).toMatchObject({ conflicts: [], left: [{ reason: 'no_effect' }] });
});

test('I14: what an agent declares or claims elsewhere does not shield what a target captured: it is a step, and what stays is said', () => {
  const captured = { ...effect('bad', 1, ROW, write('1', '2')), captured: true as const };
  const { compensation: _none, ...bare } = effect('bad', 2, 'filesystem://docs/a', write('1', '2'));
  const foreign = effect('bad', 2, 'filesystem://other/a', write('1', '2'), { compensation: { connector: 'filesystem', images: [] } });
  const shields: readonly (readonly [Partial<RecordedAttempt>, readonly RecordedEffect[], RegExp])[] = [
    [{ reversibility: 'irreversible' }, [], /declared irreversible/],
    [
      { registered: ['*'] },
      [bare],
      /1 effect that the agent reported stays, filesystem:\/\/docs\/a for one: System docs is not registered/,
    ],
    [{}, [foreign], /Key key1 is not registered/],
  ];
  for (const [change, claimed, remains] of shields) {
    const attempts = [attemptOf('bad', 0, { witnessed: true, ...change })];
    const body = plan(inputOf(attempts, [captured, ...claimed], ['bad'], 'refuse'));
    expect(body).toMatchObject({
      conflicts: [],
      left: [],
      steps: [{ remains: expect.stringMatching(remains), systems: [{ system: 'shop', effects: 1 }] }],
    });
  }
});

test('an undeclared tool is no conflict: with effects it is a step, without them its effects are unknown', () => {
  const attempts = [attemptOf('bad', 0, { reversibility: 'unknown' })];
  const effects = [effect('bad', 1, ROW, write('1', '2'))];
  expect(plan(inputOf(attempts, effects, ['bad'], 'refuse'))).toMatchObject({ conflicts: [], steps: [{ undoes: refOf('bad') }] });
  expect(plan(inputOf(attempts, [], ['bad'], 'refuse'))).toMatchObject({ conflicts: [], left: [{ reason: 'effects_unknown' }] });
});

test("a person's word on an unknown outcome: failed leaves nothing to undo, succeeded an effect that stays, a contradicted one is open", () => {
  const answerOf = (change: Partial<RecordedAttempt>) => {
    const { conflicts, left } = plan(inputOf([attemptOf('bad', 0, { ruledBy: 'person:ada', ...change })], [], ['bad'], 'refuse'));
    return [conflicts.length, left[0]?.reason, left[0]?.detail.split(',')[0]];
  };
  for (const reversibility of ['compensable', 'irreversible', 'unknown'] as const) {
    expect(answerOf({ reversibility, status: 'failed' })).toEqual([0, 'no_effect', 'person:ada settled it as failed']);
    expect(answerOf({ reversibility, status: 'succeeded' })).toEqual([0, 'irreversible', 'person:ada settled it as succeeded']);
    const contradicted = answerOf({ reversibility, status: 'unknown', contradicted: 'succeeded' });
    expect(contradicted).toEqual([1, 'open', 'person:ada settled it']);
  }
  expect(answerOf({ reversibility: 'read', status: 'succeeded' })).toEqual([0, 'no_effect', 'No change was recorded.']);
});

test('I7: effects that nothing recorded are named, never taken for no effect; reads and irreversible tools are no obstacle', () => {
  const reasonOf = (change: Partial<RecordedAttempt>) => {
    const { conflicts, left } = plan(inputOf([attemptOf('bad', 0, change)], [], ['bad'], 'refuse'));
    return [conflicts.length, left[0]?.reason];
  };
  expect(reasonOf({ reversibility: 'read' })).toEqual([0, 'no_effect']);
  expect(reasonOf({ reversibility: 'compensable' })).toEqual([0, 'effects_unknown']);
  expect(reasonOf({ reversibility: 'compensable', status: 'denied' })).toEqual([0, 'no_effect']);
  expect(reasonOf({ reversibility: 'irreversible' })).toEqual([0, 'irreversible']);
  const unknown = [{ table: 'public.log', changes: 3 }];
  expect(reasonOf({ unknown })).toEqual([0, 'effects_unknown']);
  const seen = { ...effect('bad', 1, ROW, {}), beyond: ['%FF.txt'] };
  const beyond = plan(inputOf([attemptOf('bad', 0)], [seen], ['bad'], 'refuse'));
  expect(beyond).toMatchObject({ conflicts: [], left: [{ reason: 'effects_unknown', detail: expect.stringContaining('%FF.txt') }] });
  const mixed = inputOf([attemptOf('bad', 0, { unknown })], [effect('bad', 1, ROW, write('1', '2'))], ['bad'], 'refuse');
  expect(plan(mixed)).toMatchObject({ conflicts: [], steps: [{ unknown: expect.stringContaining('3 in public.log') }] });
});

test('I5: an ambiguous change is undone only where its resource is selected; else it stays, counted apart, and nobody undoes below it', () => {
  const other = 'postgres://shop/public.orders/2';
  const attempts = [attemptOf('bad', 0)];
  const effects = [effect('bad', 1, ROW, write('1', '2')), { ...effect('bad', 2, other, write('1', '2')), ambiguous: true }];
  const apart = { ref: refOf('bad'), agent: 'a', tool: 'write', changes: 1, resources: [other] };
  const input = inputOf(attempts, effects, ['bad'], 'refuse');
  const left = plan(input);
  expect(left).toMatchObject({ conflicts: [], ambiguous: [apart] });
  expect(left.steps.flatMap(({ systems }) => systems.flatMap(({ guards }) => guards.map(({ resource }) => resource)))).toEqual([ROW]);
  const chosen = plan({ ...input, selection: { agents: ['a'], ambiguous: ['postgres://shop/public.orders/*'] } });
  expect(chosen).toMatchObject({ ambiguous: [], steps: [{ systems: [{ effects: 2 }] }] });
  const only = plan(inputOf(attempts, effects.slice(1), ['bad'], 'refuse'));
  expect(only).toMatchObject({ steps: [], conflicts: [], left: [{ reason: 'ambiguous' }], ambiguous: [apart] });
  const later = { ...effect('good', 3, ROW, write('2', '3')), ambiguous: true };
  const two = inputOf([...attempts, attemptOf('good', 1)], [effects[0] as (typeof effects)[0], later], ['bad', 'good'], 'refuse');
  expect(plan(two)).toMatchObject({ steps: [], conflicts: [{ kind: 'later_write', by: { ref: refOf('good') } }] });
});

test('I7: names that a change may have reached beside its resource are unknown', () => {
  const effects = [{ ...effect('bad', 1, ROW, write('1', '2')), beyond: ['y', '1 name elsewhere'] }];
  expect(plan(inputOf([attemptOf('bad', 0)], effects, ['bad'])).steps).toMatchObject([{ unknown: expect.stringContaining('y, 1 name') }]);
});

test('an attempt selected with its inverse cancels out; an undone attempt is left', () => {
  const attempts = [attemptOf('bad', 0), attemptOf('undo', 1, { agent: 'recant', inverts: { ...refOf('bad'), run: 'r1', step: 1 } })];
  const effects = [effect('bad', 1, ROW, write('1', '2')), effect('undo', 2, ROW, write('2', '1'))];
  expect(left(inputOf(attempts, effects, ['bad', 'undo'], 'refuse'))).toEqual([
    ['bad', 'cancelled_out'],
    ['undo', 'cancelled_out'],
  ]);
  expect(left(inputOf(attempts, effects, ['bad'], 'refuse'))).toEqual([['bad', 'already_undone']]);
  expect(plan(inputOf(attempts, effects, ['undo'])).steps).toMatchObject([
    { undoes: refOf('undo'), systems: [{ guards: [{ before: '2', after: '1' }] }] },
  ]);
});

test('a failed inverse does not count, and its take-back cancels it out', () => {
  const failed = { agent: 'recant', status: 'failed', inverts: { ...refOf('bad'), run: 'r1', step: 1 } } as const;
  const attempts = [
    attemptOf('bad', 0),
    attemptOf('undo', 1, failed),
    attemptOf('back', 2, { agent: 'recant', inverts: { ...refOf('undo'), run: 'r1', step: 1 } }),
  ];
  const effects = [
    effect('bad', 1, ROW, write('1', '2')),
    effect('undo', 2, ROW, write('2', '1')),
    effect('back', 3, ROW, write('1', '2')),
  ];
  expect(plan(inputOf(attempts, effects, ['bad'], 'refuse'))).toMatchObject({ conflicts: [], steps: [{ undoes: refOf('bad') }] });
});

test('I13: a claim outside the registration, or without an intent, causes no conflict', () => {
  const attempts = [attemptOf('bad', 0), attemptOf('liar', 1, { registered: [] })];
  const effects = [
    effect('bad', 1, ROW, write('1', '2')),
    effect('liar', 5, ROW, write('2', '3')),
    effect('nobody', 6, ROW, write('3', '4')),
  ];
  expect(plan(inputOf(attempts, effects, ['bad'], 'refuse'))).toMatchObject({
    conflicts: [],
    steps: [{ systems: [{ knownOrdinals: { [ROW]: '1' } }] }],
  });
});

test('two attempts with a cyclic dependency are both left', () => {
  const effects = [effect('p', 1, ROW, write('1', '2')), effect('q', 2, ROW, write('2', '3')), effect('p', 3, ROW, write('3', '4'))];
  expect(left(inputOf([attemptOf('p', 0), attemptOf('q', 1)], effects, ['p', 'q']))).toEqual([
    ['p', 'skipped'],
    ['q', 'skipped'],
  ]);
});

test('within a system the latest ordinal goes first, also where no part is shared', () => {
  const effects = [effect('parent', 1, ROW, write(null, '1')), effect('child', 2, OTHER, write(null, '1'))];
  expect(
    plan(inputOf([attemptOf('child', 0), attemptOf('parent', 1)], effects, ['parent', 'child'])).steps.map(({ undoes }) => undoes.action),
  ).toEqual(['child', 'parent']);
});

test('the digest is of the contents', () => {
  const body = plan(inputOf([attemptOf('bad', 0)], [effect('bad', 1, ROW, write('1', '2'))], ['bad']));
  expect(planDigest(body)).toBe(createHash('sha256').update(canonicalize(body)).digest('hex'));
  const others = {
    ...body,
    left: [],
    tainted: [1, 2].map((at) => ({ ref: refOf(`t${at}`), agent: 'é', tool: 't', resource: ROW, parts: ['x'] })),
    throughReads: true as const,
  };
  expect(planDigest(others)).toBe(createHash('sha256').update(canonicalize(others)).digest('hex'));
  expect(planDigest({ ...body, mode: 'refuse' })).not.toBe(planDigest(body));
});

test('ten thousand attempts with a hundred thousand effects are planned whole', { timeout: 60_000 }, () => {
  const attempts = Array.from({ length: 10_000 }, (_, at) => attemptOf(`n${at}`, at));
  const effects = attempts.flatMap(({ ref }, at) =>
    Array.from({ length: 10 }, (_, part) =>
      effect(ref.action, at * 10 + part, `postgres://shop/public.t/${(at * 7 + part) % 5_000}`, {
        [`c${part}`]: { before: String(at), after: String(at) },
      }),
    ),
  );
  const body = plan(
    inputOf(
      attempts,
      effects,
      attempts.filter((_, at) => at % 3 > 0).map(({ ref }) => ref.action),
    ),
  );
  planDigest(body);
  expect(body.steps.length + body.left.length).toBe(6_666);
});

test('totals by table name what was created, deleted and changed; a table whose rows stay deleted comes first', () => {
  const created = { exists: { before: null, after: 'v' } };
  const deleted = { exists: { before: 'v', after: null } };
  const changed = { x: { before: 'v', after: 'w' } };
  const effects = [
    ...Array.from({ length: 30 }, (_, n) => effect('touch', n + 1, `postgres://shop/public.harmless/${n}`, changed)),
    effect('touch', 40, 'postgres://shop/public.made/1', created),
    effect('touch', 41, 'postgres://shop/public.made/1', changed),
    effect('wipe', 50, 'postgres://shop/public.lost/1', deleted),
    effect('other', 60, 'postgres://shop/public.lost/1', created),
  ];
  const attempts = ['touch', 'wipe', 'other'].map((name, at) => attemptOf(name, at, { tool: name, agent: name === 'other' ? 'b' : 'a' }));
  const { totals } = plan({
    ...{ tenant: 't', mode: 'skip', selection: { agents: ['a'] }, vector: {}, attempts, effects, systems: SYSTEMS },
    selected: attempts.slice(0, 2),
  });
  const none = { created: 0, deleted: 0, changed: 0 };
  expect(totals).toEqual({
    undone: { created: 1, deleted: 0, changed: 30 },
    stays: { created: 0, deleted: 1, changed: 0 },
    compensated: 0,
    scopes: [
      { scope: 'postgres://shop/public.lost/', undone: none, stays: { created: 0, deleted: 1, changed: 0 } },
      { scope: 'postgres://shop/public.harmless/', undone: { ...none, changed: 30 }, stays: none },
      { scope: 'postgres://shop/public.made/', undone: { ...none, created: 1 }, stays: none },
    ],
    scopesMore: 0,
    tools: [
      { agent: 'a', tool: 'wipe', undone: 0, left: 1 },
      { agent: 'a', tool: 'touch', undone: 1, left: 0 },
    ],
    toolsMore: 0,
  });
});

test('what an earlier run put back of an attempt does not count as damaged, unless that run was undone; the conflict says which run it was', () => {
  const inverse = { agent: 'recant', tool: 'undo_part', inverts: { ...refOf('bad'), run: 'r1', step: 1 } };
  const attempts = [
    attemptOf('bad', 0),
    attemptOf('other', 1, { agent: 'b' }),
    attemptOf('part', 2, inverse),
    attemptOf('back', 3, { agent: 'recant', inverts: { ...refOf('part'), run: 'r2', step: 1 } }),
  ];
  const effects = [
    effect('bad', 1, ROW, write('1', '2')),
    effect('bad', 2, OTHER, write('1', '2')),
    effect('other', 3, OTHER, write('2', '3')),
    effect('part', 4, ROW, write('2', '1')),
  ];
  const none = { created: 0, deleted: 0, changed: 0 };
  const again = plan(inputOf(attempts.slice(0, 3), effects, ['bad']));
  expect(again.totals.stays).toEqual({ ...none, changed: 1 });
  expect(again.conflicts.find(({ by }) => by?.tool === 'undo_part')?.detail).toContain('Run r1 undid this attempt in part');
  const damagedAgain = plan(inputOf(attempts, [...effects, effect('back', 5, ROW, write('1', '2'))], ['bad']));
  expect(damagedAgain.totals.stays).toEqual({ ...none, changed: 2 });
});

test('a row that stays counts by what stays of it, whatever goes back of it', () => {
  const [exists, gone] = [{ before: null, after: 'e' } as const, { before: 'e', after: null } as const];
  const attempts = ['change', 'other', 'delete'].map((name, at) => attemptOf(name, at, { agent: name === 'other' ? 'b' : 'a' }));
  // The later delete goes back; the change before it, of a value that somebody else wrote in between, stays.
  const effects = [
    effect('change', 1, ROW, write('1', '2')),
    effect('change', 2, OTHER, write('1', '2')),
    effect('other', 3, ROW, write('2', '3')),
    effect('delete', 4, ROW, { exists: gone, x: { before: '3', after: null } }),
    effect('delete', 5, `${OTHER}2`, { exists }),
  ];
  const body = plan({ ...inputOf(attempts, effects, ['change', 'delete']), partial: true });
  expect(body.steps.map(({ undoes }) => undoes.action)).toEqual(['delete', 'change']);
  expect(body.totals).toMatchObject({
    stays: { created: 0, deleted: 0, changed: 1 },
    undone: { created: 1, deleted: 0, changed: 1 },
  });
});
