import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Directory, type FilesystemSystem, filesystemConnector, filesystemSystem } from '../src/index.ts';
import { type Played, play, undo } from './play.ts';
import { snapshotOf } from './world.ts';

const PATHS = ['a', 'a/x', 'a/y', 'b', 'b/x', 'b/c', 'b/c/z', 'w'];
const MODES = [0o600, 0o640, 0o755];
const TREE: Record<string, string | null> = { a: null, 'a/x': 'ax', b: null, 'b/c': null, 'b/c/z': 'bcz', w: 'w' };

type Op =
  | { readonly kind: 'write'; readonly path: string; readonly value: string }
  | { readonly kind: 'append'; readonly path: string; readonly value: string }
  | { readonly kind: 'move'; readonly path: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'mkdir'; readonly path: string }
  | { readonly kind: 'chmod'; readonly path: string; readonly mode: number };

const VALUES = ['1', '2', '3'];
const path = fc.constantFrom(...PATHS);
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), path, value: fc.constantFrom(...VALUES) }),
  fc.record({ kind: fc.constant('append' as const), path, value: fc.constantFrom(...VALUES) }),
  fc.record({ kind: fc.constant('move' as const), path, to: path }),
  fc.record({ kind: fc.constant('remove' as const), path }),
  fc.record({ kind: fc.constant('mkdir' as const), path }),
  fc.record({ kind: fc.constant('chmod' as const), path, mode: fc.constantFrom(...MODES) }),
);
const attempts = fc.array(fc.record({ agent: fc.nat(2), ops: fc.array(op, { minLength: 1, maxLength: 3 }), chosen: fc.boolean() }), {
  minLength: 1,
  maxLength: 10,
});

function perform(handle: Directory, op: Op): Promise<void> {
  if (op.kind === 'write') return handle.writeFile(op.path, op.value);
  if (op.kind === 'append') return handle.append(op.path, op.value);
  if (op.kind === 'move') return handle.move(op.path, op.to);
  if (op.kind === 'remove') return handle.remove(op.path, { recursive: true });
  return op.kind === 'mkdir' ? handle.mkdir(op.path) : handle.chmod(op.path, op.mode);
}

/** What each operation left otherwise than it found it, by type, mode and content: kept by the test from outside. */
interface Deed {
  readonly played: Played;
  readonly chosen: boolean;
  readonly changes: readonly Record<string, string | undefined>[];
}

test('after undoing any selection without conflicts the folder has exactly the work of the others', { timeout: 240_000 }, async () => {
  let undone = 0;
  await fc.assert(
    fc.asyncProperty(attempts, async (planned) => {
      const parent = await mkdtemp(join(tmpdir(), 'recant-filesystem-model-'));
      const root = join(parent, 'root');
      await layOut(root);
      const agents = [0, 1, 2].map(() => filesystemSystem({ name: 'notes', root }));
      const target = await filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root } });
      try {
        const initial = await snapshotOf(root);
        const deeds: Deed[] = [];
        for (const { agent, ops, chosen } of planned) deeds.push(await doOne(root, agents[agent] as FilesystemSystem, ops, chosen));
        const selected = withoutConflicts(deeds);
        const { results } = await undo(
          target,
          selected.map(({ played }) => played),
          deeds.map(({ played }) => played),
        );
        for (const result of results) expect(['restored', 'already_undone'], JSON.stringify(result)).toContain(result.outcome);
        undone += selected.filter(({ played }) => written(played).length > 0).length;
        expect(await snapshotOf(root)).toEqual(
          replay(
            initial,
            deeds.filter((deed) => !selected.includes(deed)),
          ),
        );
      } finally {
        await Promise.all([...agents, target].map((system) => system.close()));
        await rm(parent, { recursive: true });
      }
    }),
    { numRuns: 60 },
  );
  expect(undone).toBeGreaterThan(40);
});

async function layOut(root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const [name, content] of Object.entries(TREE))
    await (content === null ? mkdir(join(root, name)) : writeFile(join(root, name), content));
}

async function doOne(root: string, system: FilesystemSystem, ops: readonly Op[], chosen: boolean): Promise<Deed> {
  const changes: Record<string, string | undefined>[] = [];
  const played = await play(system, async (handle) => {
    for (const one of ops) {
      const before = await snapshotOf(root);
      await perform(handle, one).catch(() => undefined);
      const after = await snapshotOf(root);
      const names = Object.keys({ ...before, ...after }).filter((name) => before[name] !== after[name]);
      changes.push(Object.fromEntries(names.map((name) => [name, after[name]])));
    }
  });
  return { played, chosen, changes };
}

/** The greatest set of chosen deeds of which none has a later writer outside it on its paths, above them or beneath them. */
function withoutConflicts(deeds: readonly Deed[]): Deed[] {
  let selected = deeds.filter(({ chosen }) => chosen);
  for (;;) {
    const free = selected.filter(
      (deed) => !deeds.slice(deeds.indexOf(deed) + 1).some((later) => !selected.includes(later) && related(deed, later)),
    );
    if (free.length === selected.length) return selected;
    selected = free;
  }
}

function related(one: Deed, other: Deed): boolean {
  return written(one.played).some((a) => written(other.played).some((b) => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`)));
}

const written = ({ effects }: Played) => effects.filter(({ parts }) => Object.keys(parts).length > 0).map(({ resource }) => resource);

/** Values as they were left, in the order in which they were: nothing is done again. */
function replay(initial: Readonly<Record<string, string>>, deeds: readonly Deed[]): Record<string, string> {
  const all: Record<string, string> = { ...initial };
  for (const change of deeds.flatMap(({ changes }) => changes)) {
    for (const [name, value] of Object.entries(change)) {
      if (value === undefined) delete all[name];
      else all[name] = value;
    }
  }
  return all;
}
