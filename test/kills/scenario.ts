/** What agents and people do before an undo, from a seed, and what the undo has to come to. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Random, randomOf } from '../histories/random.ts';
import type { Mode, Systems } from './plan.ts';

export type Act =
  | { readonly on: 'row'; readonly do: 'update' | 'insert' | 'delete'; readonly id: number; readonly value: number }
  | { readonly on: 'file'; readonly do: 'write' | 'remove' | 'chmod' | 'move'; readonly name: string; readonly to: string };
/** One attempt of the agent that is undone. */
export type Attempt = readonly Act[];

export interface Scenario {
  readonly attempts: readonly Attempt[];
  /** Attempts whose row or file a person changed after them. */
  readonly contested: readonly number[];
}

/** Rows and files that some attempts share, so that their steps depend on each other. */
const SHARED = 3;
const SHARED_PERCENT = 35;
const CONTESTED = 2;

export function scenarioOf(seed: number, systems: Systems, steps: number, mode: Mode): Scenario {
  const random = randomOf(seed);
  const attempts = Array.from({ length: steps }, (_, at): Attempt => {
    const on = systems === 'both' ? random.of(['row', 'file', 'two'] as const) : systems === 'rows' ? 'row' : 'file';
    return on === 'two' ? [fileAct(random, at), rowAct(random, at)] : [on === 'row' ? rowAct(random, at) : fileAct(random, at)];
  });
  return { attempts, contested: mode === 'refuse' ? [] : contestedOf(random, attempts) };
}

function rowAct(random: Random, at: number): Act {
  if (random.chance(SHARED_PERCENT)) return { on: 'row', do: 'update', id: random.below(SHARED), value: 100 + at };
  const kind = random.of(['update', 'update', 'insert', 'delete'] as const);
  return { on: 'row', do: kind, id: SHARED + at, value: 100 + at };
}

/** Every kind has its turn: each has its points. */
const FILE_KINDS = ['write', 'remove', 'chmod', 'move', 'write'] as const;
function fileAct(random: Random, at: number): Act {
  if (random.chance(SHARED_PERCENT / 2)) return { on: 'file', do: 'write', name: `shared${random.below(SHARED)}`, to: '' };
  const kind = FILE_KINDS[at % FILE_KINDS.length] ?? 'write';
  // A new name is a file that the attempt makes.
  const name = kind === 'write' && random.chance(50) ? `new${at}` : `old${at}`;
  return { on: 'file', do: kind, name, to: `moved${at}` };
}

/** Of attempts that share nothing with others: an update, or a file that was written and is there. */
function contestedOf(random: Random, attempts: readonly Attempt[]): readonly number[] {
  const fitting = attempts.flatMap(([act, more], at) => {
    const isRow = act?.on === 'row' && act.do === 'update' && act.id >= SHARED;
    const isFile = act?.on === 'file' && act.do === 'write' && !act.name.startsWith('shared');
    return more === undefined && (isRow || isFile) ? [at] : [];
  });
  const chosen = new Set(Array.from({ length: Math.min(CONTESTED, fitting.length) }, () => random.of(fitting)));
  return [...chosen].sort((a, b) => a - b);
}

/** Rows by id and files by name, as texts. */
export type Shape = ReadonlyMap<string, string>;

/** What the undo leaves: what was there before, and where a person changed it since, in mode `skip`, what they left. */
export function expectedShape({ attempts, contested }: Scenario, mode: Mode, before: Shape, after: Shape): Shape {
  const expected = new Map(before);
  if (mode !== 'skip') return expected;
  for (const at of contested) {
    for (const act of attempts[at] ?? []) {
      const key = keyOf(act);
      const theirs = after.get(key);
      if (theirs !== undefined) expected.set(key, theirs);
    }
  }
  return expected;
}

export const keyOf = (act: Act): string => (act.on === 'row' ? `row ${act.id}` : `file ${act.name}`);

/** Rows that an inverse of the attempt changes. */
export const rowsIn = (attempt: Attempt): number => attempt.filter(({ on }) => on === 'row').length;

/** Files that are there before the attempts, and their rows. */
export async function layOut(folder: string, { attempts }: Scenario): Promise<readonly number[]> {
  await mkdir(folder);
  const acts = attempts.flat();
  const names = acts.flatMap((act) => (act.on === 'file' && !act.name.startsWith('new') ? [act.name] : []));
  for (const name of new Set(names)) await writeFile(join(folder, name), `old content of ${name}`, { mode: 0o644 });
  return [...new Set(acts.flatMap((act) => (act.on === 'row' && act.do !== 'insert' ? [act.id] : [])))];
}

export async function readFiles(folder: string): Promise<Shape> {
  const files = new Map<string, string>();
  for (const name of (await readdir(folder)).sort()) {
    const { mode } = await stat(join(folder, name));
    files.set(`file ${name}`, `${(mode & 0o777).toString(8)} ${await readFile(join(folder, name), 'utf8')}`);
  }
  return files;
}
