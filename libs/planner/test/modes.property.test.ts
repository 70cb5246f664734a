import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gather, type LedgerReader, type PlanBody, type PlanInput, planDigest, type RecordedAttempt, refKey } from '../src/index.ts';
import { plan } from './whole-plan.ts';
import { World } from './world.ts';

/** The seed of a failure: `SEED=… npx vitest run libs/planner/test/modes.property.test.ts`. */
const SEED = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) };
const ROWS = ['1', '2', '3'];
const PARTS = ROWS.flatMap((row) => [`${row}.x`, `${row}.y`]);
const ATTEMPTS = ['a', 'b', 'c', 'd', 'e', 'f'];
const MODES = ['refuse', 'skip', 'cascade'] as const;
type Mode = (typeof MODES)[number] | 'force';

const question = fc.record({
  writes: fc.array(
    fc.record({
      attempt: fc.oneof({ weight: 11, arbitrary: fc.constantFrom(...ATTEMPTS) }, { weight: 1, arbitrary: fc.constant(undefined) }),
      part: fc.constantFrom(...PARTS),
      after: fc.constantFrom('0', '1', '2', null),
    }),
    { minLength: 1, maxLength: 24 },
  ),
  selected: fc.subarray(ATTEMPTS, { minLength: 1 }),
  /** Of the others: nothing undoes them. */
  irreversible: fc.subarray(ATTEMPTS, { maxLength: 2 }),
});
type Question = typeof question extends fc.Arbitrary<infer T> ? T : never;

/** Every part ends with a recorded write of the selected `z`: drift after the last recorded write is found by the target. */
function worldOf({ writes }: Question): World {
  const world = new World();
  for (const { attempt, part, after } of writes) {
    const top = world.entries.findLast((entry) => entry.part === part);
    if (attempt !== undefined || (top?.attempt !== undefined && top.after !== after)) world.write(attempt, part, after);
  }
  for (const part of PARTS) world.write('z', part, world.live.get(part) ?? null);
  return world;
}

function readerOf(world: World, { selected, irreversible }: Question): LedgerReader {
  const chosen = new Set([...selected, 'z']);
  const { attempts, effects } = world.input(chosen);
  const recorded = attempts.map(
    (attempt): RecordedAttempt =>
      irreversible.includes(attempt.ref.action) && !chosen.has(attempt.ref.action)
        ? { ...attempt, reversibility: 'irreversible' }
        : attempt,
  );
  const among = (refs: readonly RecordedAttempt['ref'][]) => {
    const keys = new Set(refs.map(refKey));
    return (ref: RecordedAttempt['ref']) => keys.has(refKey(ref));
  };
  return {
    vector: async () => ({ 0: 100n }),
    select: async () => recorded.filter(({ ref }) => chosen.has(ref.action)),
    attempts: async (_tenant, refs) => recorded.filter(({ ref }) => among(refs)(ref)),
    inversesOf: async () => [],
    contexts: async () => new Map(),
    effectsOf: async (_tenant, refs) => effects.filter(({ attempt }) => among(refs)(attempt)),
    effectsOn: async (_tenant, resources) => effects.filter(({ resource }) => resources.includes(resource)),
  };
}

async function planned(
  asked: Question,
  mode: Mode,
  partial = false,
  overrides: NonNullable<PlanInput['overrides']> = [],
): Promise<{ body: PlanBody; world: World; input: PlanInput }> {
  const world = worldOf(asked);
  const systems = world.input(new Set()).systems;
  const input = await gather(readerOf(world, asked), {
    tenant: 't',
    mode,
    selection: { agents: ['a'] },
    vector: { 0: 100n },
    systems,
    ...(partial && { partial }),
    overrides,
  });
  return { world, body: plan(input), input };
}

const rowOf = (resource: string): string => resource.slice(resource.lastIndexOf('/') + 1);

/** I5: each step finds every part as its attempt left it. @returns the registers afterwards */
function execute(world: World, body: PlanBody): Record<string, string | null> {
  const live = new Map(world.live);
  for (const step of body.steps)
    for (const { resource, part, before, after } of step.systems.flatMap(({ guards }) => guards)) {
      const register = `${rowOf(resource)}.${part}`;
      expect(live.get(register) ?? null, `step ${step.step} finds ${register} as ${step.undoes.action} left it`).toBe(after);
      expect(step.stays ?? []).not.toContain(resource);
      live.set(register, before);
    }
  return Object.fromEntries(PARTS.map((part) => [part, live.get(part) ?? null]));
}

/** The registers with every write that no step takes back, exactly as it happened. */
function withoutUndone(world: World, body: PlanBody): Record<string, string | null> {
  const stays = new Map(body.steps.map(({ undoes, stays: rows = [] }) => [undoes.action, new Set(rows.map(rowOf))]));
  const live = new Map<string, string | null>();
  for (const { attempt, part, after } of world.entries) {
    const rows = attempt === undefined ? undefined : stays.get(attempt);
    if (rows === undefined || rows.has(part.split('.')[0] as string)) live.set(part, after);
  }
  return Object.fromEntries(PARTS.map((part) => [part, live.get(part) ?? null]));
}

/** Attempts that can be taken off the stacks of their parts if all of these may be. */
function greatestSet(world: World, may: ReadonlySet<string>): Set<string> {
  const stacks = PARTS.map((part) => {
    const marks: string[] = [];
    let last: string | null | undefined;
    for (const { attempt, before, after } of world.entries.filter((entry) => entry.part === part && entry.attempt !== undefined)) {
      if (marks.length > 0 && last !== before) marks.push('nobody');
      marks.push(attempt as string);
      last = after;
    }
    return marks;
  });
  const undone = new Set<string>();
  for (let isGrown = true; isGrown; ) {
    isGrown = false;
    for (const name of may) {
      const owns = stacks.every((stack) => !stack.includes(name) || stack.slice(stack.indexOf(name)).every((owner) => owner === name));
      if (undone.has(name) || !owns) continue;
      for (const [at, stack] of stacks.entries()) stacks[at] = stack.filter((owner) => owner !== name);
      undone.add(name);
      isGrown = true;
    }
  }
  return undone;
}

const namesOf = (body: PlanBody): Set<string> => new Set(body.steps.map(({ undoes }) => undoes.action));

test('in every mode, by row or whole, a plan overwrites nothing of others and leaves all their writes (I5)', async () => {
  await fc.assert(
    fc.asyncProperty(question, fc.constantFrom(...MODES), fc.boolean(), async (asked, mode, partial) => {
      const { body, world } = await planned(asked, mode, partial);
      expect(execute(world, body)).toEqual(withoutUndone(world, body));
      const chosen = new Set([...asked.selected, 'z']);
      for (const step of body.steps)
        expect(chosen.has(step.undoes.action), 'a step is selected or a dependent').toBe(step.cascaded !== true);
      if (mode !== 'cascade') expect(body.steps.every(({ cascaded }) => cascaded === undefined)).toBe(true);
    }),
    { numRuns: 1_000, ...SEED },
  );
});

test('cascade undoes every selected attempt that undoing others as well can free, and no dependent that none needs', async () => {
  await fc.assert(
    fc.asyncProperty(question, async (asked) => {
      const { body, world } = await planned(asked, 'cascade');
      const chosen = new Set([...asked.selected, 'z']);
      const may = new Set(world.attempts().filter((name) => chosen.has(name) || !asked.irreversible.includes(name)));
      const free = greatestSet(world, may);
      const own = body.steps.filter(({ cascaded }) => !cascaded).map(({ undoes }) => undoes.action);
      expect(new Set(own)).toEqual(new Set([...free].filter((name) => chosen.has(name))));
      const needed = new Set(body.steps.flatMap(({ after }) => after));
      for (const { step, cascaded } of body.steps) if (cascaded) expect(needed.has(step), `step ${step} is needed`).toBe(true);
    }),
    { numRuns: 1_000, ...SEED },
  );
});

test('by row, a plan undoes all that the whole plan undoes, names every row that stays, and is not called complete (I7)', async () => {
  await fc.assert(
    fc.asyncProperty(question, async (asked) => {
      const whole = await planned(asked, 'skip');
      const { body, world } = await planned(asked, 'skip', true);
      for (const name of namesOf(whole.body)) expect(namesOf(body), `${name} is undone`).toContain(name);
      const named = new Set([...body.conflicts, ...body.left].map(({ ref }) => ref.action));
      for (const { undoes, stays = [], systems } of body.steps) {
        const undone = new Set(systems.flatMap(({ guards }) => guards.map(({ resource }) => rowOf(resource))));
        const own = new Set(world.entries.filter(({ attempt }) => attempt === undoes.action).map(({ part }) => part.split('.')[0]));
        expect(new Set([...undone, ...stays.map(rowOf)]), 'each row is undone or stays').toEqual(own);
        expect(undone.size, 'a step undoes something').toBeGreaterThan(0);
        if (stays.length > 0) expect(named, 'a row that stays is a conflict').toContain(undoes.action);
      }
    }),
    { numRuns: 1_000, ...SEED },
  );
});

test('force adds to what skip undoes all forced attempts but those that overwrote each other', async () => {
  await fc.assert(
    fc.asyncProperty(question, fc.subarray(ATTEMPTS, { minLength: 1 }), async (asked, names) => {
      const skip = namesOf((await planned(asked, 'skip')).body);
      const { body: all } = await planned(asked, 'force');
      expect([...skip].filter((name) => !namesOf(all).has(name))).toEqual([]);
      for (const { detail } of all.left) expect(detail).toMatch(/^Cyclic dependency|^No change|wrote the same parts later/);
      const chosen = names.filter((name) => asked.selected.includes(name) && worldOf(asked).attempts().includes(name));
      const override = { mode: 'force' as const, where: `id in (${chosen.map((name) => `'${name}'`).join(', ')})` };
      const some = (await planned(asked, 'skip', false, chosen.length === 0 ? [] : [override])).body;
      expect(
        [...skip].filter((name) => !namesOf(some).has(name)),
        'skip undoes no more',
      ).toEqual([]);
      if (chosen.length === 0) expect(namesOf(some)).toEqual(skip);
      for (const { step, after } of some.steps) expect(after.every((before) => before < step)).toBe(true);
    }),
    { numRuns: 500, ...SEED },
  );
});

test('modes are covered by the digest, and refuse shows what skip would do (I8)', async () => {
  await fc.assert(
    fc.asyncProperty(question, async (asked) => {
      const bodies = await Promise.all(MODES.flatMap((mode) => [planned(asked, mode), planned(asked, mode, true)]));
      expect(new Set(bodies.map(({ body }) => planDigest(body))).size).toBe(bodies.length);
      expect(bodies[0]?.body.steps).toEqual(bodies[2]?.body.steps);
    }),
    { numRuns: 100, ...SEED },
  );
});

test('totals count each row once, as one that stays where any of it stays, and what stays deleted comes first', async () => {
  await fc.assert(
    fc.asyncProperty(question, fc.constantFrom(...MODES), fc.boolean(), async (asked, mode, partial) => {
      const { body, world } = await planned(asked, mode, partial);
      const rowsWritten = (name: string): string[] =>
        world.entries.filter(({ attempt }) => attempt === name).map(({ part }) => part.split('.')[0] as string);
      const stays = new Set([
        ...body.left.flatMap(({ ref }) => rowsWritten(ref.action)),
        ...body.steps.flatMap((step) => (step.stays ?? []).map(rowOf)),
      ]);
      const undone = new Set(
        body.steps.flatMap(({ systems }) => systems.flatMap(({ guards }) => guards.map(({ resource }) => rowOf(resource)))),
      );
      const count = ({ created, deleted, changed }: { created: number; deleted: number; changed: number }) => created + deleted + changed;
      expect(count(body.totals.stays)).toBe(stays.size);
      expect(count(body.totals.undone)).toBe([...undone].filter((row) => !stays.has(row)).length);
      expect(body.totals.scopes.map(({ scope }) => scope)).toEqual(['postgres://shop/public.t/'].slice(0, stays.size + undone.size));
    }),
    { numRuns: 500, ...SEED },
  );
});
