import type { AttemptRef } from '@recant/events';
import { WATCHED_SLICE_MAX } from '../limits.ts';
import { isWithin, type Path, ROOT } from '../path.ts';
import { imageOf, LETTERS, type State, samePart } from '../state.ts';
import type { Declared } from '../store/knowledge.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Known } from '../store/record.ts';
import { leadsOf, throughLinks } from './links.ts';
import { look, type Seen } from './look.ts';
import { otherNames } from './other-names.ts';
import { changing, type Planned, replacing } from './perform.ts';
import { hasPath, unnamedChanges, wasClosed } from './unnamed.ts';

/**
 * Records what is at and beneath the declared paths, so that images and journal record are durable. False: there was too much for one turn; call it again.
 * @throws ConnectorError `too_large | capture_refused | resource_invalid`
 */
export async function declare(locked: LockedStore, at: AttemptRef, paths: readonly Path[]): Promise<boolean> {
  // Captured again after a kill: the first record stays the one to compare with.
  if (paths.length === 0 || locked.history.declaredBy(at) !== undefined) return true;
  const seen = await look(locked, paths, { stores: true, changesMax: WATCHED_SLICE_MAX });
  await locked.images.flush();
  await recordSeen(locked, seen);
  if (seen.isCut) return false;
  const unnamed = seen.unnamed.count === 0 ? {} : { unnamed: seen.unnamed };
  await locked.append({ k: 'declared', at, paths, links: await leadsOf(locked, seen.links, paths), ...unnamed, ms: locked.now() });
  return true;
}

async function recordSeen(locked: LockedStore, { changed }: Seen): Promise<void> {
  if (changed.size > 0) await locked.append({ k: 'seen', es: [...changed] });
}

/** A change of a declared path, and whether its inode is the one that was declared. */
interface Difference {
  readonly planned: Planned;
  readonly inPlace: string | undefined;
}

/**
 * Changes of the declared paths that no journalled effect explains. The tool has run, so nothing may throw: what cannot be read is
 * unknown.
 * A change is attributed to the attempt only in an exclusive folder and where nobody else declared the path at the same time.
 */
export async function changesSince(locked: LockedStore, declared: Declared): Promise<Planned[]> {
  const seen = await look(locked, declared.paths, { stores: true, lenient: true });
  await locked.images.flush();
  const before = (path: Path): Known => declared.was.get(path) ?? locked.history.known.get(path) ?? { s: null };
  const after = (path: Path): Known => seen.changed.get(path) ?? locked.history.known.get(path) ?? { s: null };
  const paths = new Set([...seen.changed.keys(), ...[...declared.was.keys()], ...declared.shared]);
  const differences = [...paths]
    .filter((path) => path !== ROOT && hasPath(locked.system, path) && !wasClosed(declared.unnamed, path))
    .sort()
    .flatMap((path) => difference(path, before(path), after(path), declared.shared.has(path)));
  await recordSeen(locked, seen);
  const isOthers = (path: Path) => declared.others.some((other) => isWithin(path, other));
  const graded = (planned: Planned): Planned =>
    locked.isExclusive(planned.p) && !isOthers(planned.p) && !declared.shared.has(planned.p) ? planned : { ...planned, x: true };
  const own: Planned[] = [];
  for (const { planned, inPlace } of differences) {
    const names =
      inPlace === undefined ? [] : await otherNames(locked, planned.p, inPlace, new Set(differences.map((each) => each.planned.p)));
    own.push(graded(names.length === 0 ? planned : { ...planned, y: names }));
  }
  const beside = [...(await throughLinks(locked, declared.links)), ...(await unnamedChanges(locked, declared.unnamed, seen.unnamed))];
  return [...own, ...beside.map(graded)];
}

/** A file whose time or inode alone changed was rewritten with equal content, which is a write. A folder's time changes with its children. */
function difference(path: Path, { s: before, i: inode }: Known, { s: after, i: inodeNow }: Known, isShared: boolean): Difference[] {
  if (!samePart(before, after, 'e'))
    return [
      { planned: replacing(before === null ? 'create' : after === null ? 'remove' : 'replace', path, before, after), inPlace: undefined },
    ];
  const isRewritten =
    before?.t === 'file' &&
    after?.t === 'file' &&
    (isShared || before.u !== after.u || (inode !== undefined && inodeNow !== undefined && inode !== inodeNow));
  const written = LETTERS.filter((letter) => !samePart(before, after, letter) || (letter === 'c' && isRewritten));
  if (written.length === 0 && isShared && before !== null && after !== null)
    return [
      {
        planned: changing(
          'change',
          path,
          before,
          after,
          LETTERS.filter((letter) => imageOf(before, letter) !== null),
        ),
        inPlace: undefined,
      },
    ];
  if (written.length === 0) return [];
  const inPlace = written.includes('c') && inode !== undefined && inode === inodeNow ? inode : undefined;
  return [{ planned: changing(written.includes('c') ? 'write' : 'chmod', path, before, after, written), inPlace }];
}

/** State of a declared path, as the last look found it. */
export function declaredState(locked: LockedStore, path: Path): State {
  return locked.history.known.get(path)?.s ?? null;
}
