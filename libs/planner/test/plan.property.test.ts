import { canonicalize } from '@recant/events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PlanBody } from '../src/index.ts';
import { plan } from './whole-plan.ts';
import { type Entry, World } from './world.ts';

const PARTS = ['1.x', '1.y', '2.x'];
const ATTEMPTS = ['a', 'b', 'c', 'd', 'e', 'f'];
const value = fc.constantFrom('0', '1', '2', null);
/** Few values, so that equal writes are common; attempts interleave; about one write in twelve is unrecorded. */
const history = fc.array(
  fc.record({
    attempt: fc.oneof({ weight: 11, arbitrary: fc.constantFrom(...ATTEMPTS) }, { weight: 1, arbitrary: fc.constant(undefined) }),
    part: fc.constantFrom(...PARTS),
    after: value,
  }),
  { minLength: 1, maxLength: 24 },
);
const selection = fc.subarray(ATTEMPTS, { minLength: 1 }).map((names) => new Set(names));

function worldOf(writes: readonly { attempt: string | undefined; part: string; after: string | null }[]): World {
  const world = new World();
  for (const { attempt, part, after } of writes) {
    // An unrecorded change that was reverted since is invisible: at most one unrecorded change between two recorded writes.
    const top = world.entries.findLast((entry) => entry.part === part);
    if (attempt !== undefined || (top?.attempt !== undefined && top.after !== after)) world.write(attempt, part, after);
  }
  return world;
}

/** Undoes in the order of the plan, guarded per part as a connector does. */
function execute(world: World, body: PlanBody): Map<string, string | null> {
  const live = new Map(world.live);
  for (const step of body.steps) {
    for (const { resource, part, before, after } of step.systems.flatMap((system) => system.guards)) {
      const register = `${resource.slice(resource.lastIndexOf('/') + 1)}.${part}`;
      expect(live.get(register) ?? null, `${step.undoes.action} finds ${register} where it left it`).toBe(after);
      live.set(register, before);
    }
  }
  return live;
}

/** The registers after these entries alone. */
function replay(entries: readonly Entry[]): Map<string, string | null> {
  const live = new Map<string, string | null>();
  for (const { part, after } of entries) live.set(part, after);
  return live;
}

const values = (live: ReadonlyMap<string, string | null>): Record<string, string | null> =>
  Object.fromEntries(PARTS.map((part) => [part, live.get(part) ?? null]));

/** The reference: a part is a stack; an attempt can be taken off when it owns the top of every stack it wrote to, down to its lowest write. */
function greatestSet(world: World, selected: ReadonlySet<string>): Set<string> {
  const stacks = new Map(PARTS.map((part) => [part, marksOf(world, part)]));
  const undone = new Set<string>();
  for (let progress = true; progress; ) {
    progress = false;
    for (const name of selected) {
      if (undone.has(name) || !world.attempts().includes(name)) continue;
      const owns = [...stacks.values()].every(
        (stack) => !stack.includes(name) || stack.slice(stack.indexOf(name)).every((owner) => owner === name),
      );
      if (!owns) continue;
      for (const [part, stack] of stacks)
        stacks.set(
          part,
          stack.filter((owner) => owner !== name),
        );
      undone.add(name);
      progress = true;
    }
  }
  return undone;
}

/** Owners from the bottom up. A gap between versions is an unrecorded write; one that left the value as it was is invisible. */
function marksOf(world: World, part: string): string[] {
  const marks: string[] = [];
  let last: Entry | undefined;
  for (const entry of world.entries.filter((candidate) => candidate.part === part && candidate.attempt !== undefined)) {
    if (last && last.after !== entry.before) marks.push('nobody');
    marks.push(entry.attempt as string);
    last = entry;
  }
  return marks;
}

test('skip undoes the greatest set without overwriting others, and leaves the state that replaying the rest gives', () => {
  fc.assert(
    fc.property(history, selection, (writes, selected) => {
      // The last write of each part is recorded: drift after the last recorded write is found by the target, not by the planner.
      const world = worldOf(writes);
      for (const part of PARTS) world.write('z', part, world.live.get(part) ?? null);
      const body = plan(world.input(new Set([...selected, 'z'])));
      const steps = new Set(body.steps.map((step) => step.undoes.action));
      expect(steps).toEqual(greatestSet(world, new Set([...selected, 'z'])));
      const left = replay(world.entries.filter((entry) => entry.attempt === undefined || !steps.has(entry.attempt)));
      // A part whose writers are all undone returns to the value before the first one.
      expect(values(execute(world, body))).toEqual(values(left));
    }),
    { numRuns: 1_000 },
  );
});

test('every selected attempt has a step or a reason, and refuse conflicts exactly where skip leaves something', () => {
  fc.assert(
    fc.property(history, selection, (writes, selected) => {
      const world = worldOf(writes);
      const skip = plan(world.input(selected, 'skip'));
      const refuse = plan(world.input(selected, 'refuse'));
      const named = [...skip.steps.map((step) => step.undoes.action), ...skip.left.map((left) => left.ref.action)];
      expect(named.sort()).toEqual(
        world
          .attempts()
          .filter((name) => selected.has(name))
          .sort(),
      );
      expect(new Set(refuse.conflicts.map((conflict) => conflict.ref.action))).toEqual(
        new Set(skip.left.filter((left) => left.reason === 'skipped').map((left) => left.ref.action)),
      );
    }),
    { numRuns: 500 },
  );
});

test('the same ledger gives the same bytes, in whatever order it answers', () => {
  fc.assert(
    fc.property(history, selection, fc.integer(), (writes, selected, seed) => {
      const input = worldOf(writes).input(selected);
      const shuffled = <T>(items: readonly T[]): T[] =>
        [...items]
          .map((item, at) => ({ item, rank: Math.imul(at + 1, seed | 1) }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ item }) => item);
      const other = { ...input, selected: shuffled(input.selected), attempts: shuffled(input.attempts), effects: shuffled(input.effects) };
      expect(canonicalize(plan(other))).toBe(canonicalize(plan(input)));
    }),
    { numRuns: 300 },
  );
});

test('a history with inverses of any depth is undone to the state that the remaining attempts leave', () => {
  const deeds = fc.array(
    fc.oneof({ weight: 3, arbitrary: fc.record({ part: fc.constantFrom(...PARTS), after: value }) }, { weight: 2, arbitrary: fc.nat() }),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(deeds, fc.nat(), (all, picks) => {
      const world = new World();
      const undone = new Set<string>();
      all.forEach((deed, at) => {
        const name = `n${String(at).padStart(2, '0')}`;
        if (typeof deed !== 'number') {
          world.write(name, deed.part, deed.after);
          return;
        }
        const names = world.attempts().filter((candidate) => !undone.has(candidate));
        const target = names[deed % Math.max(1, names.length)];
        const body = target === undefined ? undefined : plan(world.input(new Set([target])));
        if (target === undefined || body?.steps.length !== 1) return;
        const guards = (body.steps[0]?.systems[0]?.guards ?? []).map((guard) => ({
          ...guard,
          register: `${guard.resource.slice(-1)}.${guard.part}`,
        }));
        for (const { register, after } of guards) expect(world.live.get(register) ?? null, `${target} is where ${register} is`).toBe(after);
        for (const { register, before } of guards) world.write(name, register, before);
        world.inverts.set(name, target);
        undone.add(target);
      });
      const selected = new Set(world.attempts().filter((_, at) => (picks >> at) % 2 === 1));
      const body = plan(world.input(selected));
      const steps = new Set(body.steps.map((step) => step.undoes.action));
      const inEffect = (name: string): boolean =>
        !steps.has(name) && ![...world.inverts].some(([inverse, target]) => target === name && inEffect(inverse));
      const left = replay(
        world.entries.filter((entry) => !world.inverts.has(entry.attempt as string) && inEffect(entry.attempt as string)),
      );
      expect(values(execute(world, body))).toEqual(values(left));
      // With everything selected there is no conflict: attempts in effect are undone, the others cancel out.
      const whole = plan(world.input(new Set(world.attempts())));
      expect(whole.left.filter(({ reason }) => reason !== 'cancelled_out')).toEqual([]);
      expect(values(execute(world, whole))).toEqual(values(new Map()));
    }),
    { numRuns: 1_000 },
  );
});
