import type { AttemptRef } from '@recant/events';
import { isWithin, type Path, pathOf, ROOT, resourceOf } from '../path.ts';
import { readTree } from '../read-state.ts';
import { imageOf, LETTERS, type State, samePart } from '../state.ts';
import { entryOf, type Mark } from '../store/history.ts';
import type { LockedStore } from '../store/locked-store.ts';
import { changing, type Planned, replacing } from './perform.ts';

/** States before the attempt at and beneath the declared paths; images and journal record are durable. */
export async function declare(locked: LockedStore, at: AttemptRef, paths: readonly Path[]): Promise<ReadonlyMap<Path, State>> {
  const states = new Map<Path, State>();
  for (const path of paths)
    for (const [beneath, state] of await readTree({ ...locked.readOptions, images: locked.images }, path)) states.set(beneath, state);
  for (const path of states.keys()) resourceOf(locked.system, pathOf(path));
  // Captured again after a kill: the first record stays the one to compare with.
  if (paths.length > 0 && locked.history.declaredBy(at) === undefined)
    await locked.append({ k: 'declared', at, paths, states: [...states] });
  return states;
}

/**
 * Changes of the declared paths that no journalled effect explains, which are therefore effects of this attempt.
 * The tool has run, so nothing may throw: unreadable items are left out, and items over a limit cannot be undone.
 */
export async function changesSince(locked: LockedStore, at: AttemptRef): Promise<Planned[]> {
  const declared = locked.history.declaredBy(at);
  if (declared === undefined || declared.settled) return [];
  const record = await locked.read(declared.line);
  if (record.k !== 'declared') return [];
  const expected = new Map<Path, State>(record.states);
  const within = (path: Path) => record.paths.some((folder) => isWithin(path, folder));
  for (const path of locked.history.pathsWhere(within)) {
    const marks = locked.history.marksOf(path).filter((mark) => mark.written.length > 0 && mark.line.offset > declared.line.offset);
    for (const mark of marks) expected.set(path, await stateAfter(locked, mark, expected.get(path) ?? null));
  }
  const live = new Map<Path, State>();
  for (const path of record.paths)
    for (const [beneath, state] of await readTree({ ...locked.readOptions, lenient: true }, path)) live.set(beneath, state);
  const paths = [...new Set([...expected.keys(), ...live.keys()])]
    .filter((path) => path !== ROOT && isResource(locked.system, path))
    .sort();
  return paths.flatMap((path) => difference(path, expected.get(path) ?? null, live.get(path) ?? null));
}

/** An effect on the mode alone has no content digest; it is taken from the state before. */
async function stateAfter(locked: LockedStore, mark: Mark, before: State): Promise<State> {
  const entry = await entryOf(locked, mark);
  if (entry.a?.t === 'file' && entry.a.c === undefined && before?.t === 'file' && before.c !== undefined)
    return { ...entry.a, c: before.c };
  return entry.a;
}

/** A file whose time alone changed was rewritten with equal content, which is an effect. A folder's time changes with its children. */
function difference(path: Path, before: State, after: State): Planned[] {
  if (before?.t === 'file' && after?.t === 'file' && (before.c === undefined || after.c === undefined)) return [];
  if (!samePart(before, after, 'e'))
    return [replacing(before === null ? 'create' : after === null ? 'remove' : 'replace', path, before, after)];
  const written = LETTERS.filter((letter) => !samePart(before, after, letter));
  const touched =
    before?.t === 'file' &&
    after?.t === 'file' &&
    before.u !== after.u &&
    imageOf(before, 'c') === imageOf(after, 'c') &&
    written.length === 0;
  if (touched) return [changing('write', path, before, after, ['c'])];
  if (written.length === 0) return [];
  return [changing(written.includes('c') ? 'write' : 'chmod', path, before, after, written)];
}

/** A file whose name has no resource URI is not recorded. */
function isResource(system: string, path: Path): boolean {
  try {
    resourceOf(system, pathOf(path));
    return true;
  } catch {
    return false;
  }
}
