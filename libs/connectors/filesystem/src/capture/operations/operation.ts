import { ConnectorError } from '@recant/connector';
import type { AttemptRef } from '@recant/events';
import { systemError } from '../../failure.ts';
import { type Path, pathOf, ROOT, resourceOf } from '../../path.ts';
import { readState } from '../../read-state.ts';
import { ForeignWrite } from '../../replace-aside.ts';
import type { State } from '../../state.ts';
import type { LockedStore } from '../../store/locked-store.ts';
import type { Store } from '../../store/store.ts';
import { type Planned, perform } from '../perform.ts';

/** Attempt and store of an operation. */
export interface Operation {
  readonly attempt: AttemptRef;
  /** Throws once the attempt was settled or released. */
  readonly withLock: Store['withLock'];
}

/** Placeholder time and owner of an item to be created; read from the file system afterwards. */
export const UNSEEN = { u: 0, g: [0, 0] as const };

/** Performs an operation after checking that every path has a resource URI. */
export function performOperation(
  { attempt }: Operation,
  locked: LockedStore,
  planned: readonly Planned[],
  work: Parameters<typeof perform>[3],
  prepare?: Parameters<typeof perform>[4],
): Promise<void> {
  for (const { p } of planned) resourceOf(locked.system, p);
  return perform(locked, attempt, planned, work, prepare);
}

/** @throws ConnectorError `resource_invalid` also for the root itself. */
export function below(text: string): Path {
  const path = pathOf(text);
  if (path === ROOT) throw new ConnectorError('resource_invalid', 'The root itself cannot be changed. Use a path below it.');
  return path;
}

export function checkMode(mode: number | undefined, path: Path): void {
  if (mode !== undefined && (!Number.isInteger(mode) || mode < 0 || mode > 0o7777)) throw systemError('EINVAL', 'invalid mode', path);
}

/** Type and mode; absent also where unreadable. */
export async function typeAt(locked: LockedStore, path: Path): Promise<State> {
  const seen = await readState({ ...locked.readOptions, content: false }, path);
  return seen.kind === 'state' ? seen.state : null;
}

/** Times that an operation is tried again because somebody else wrote meanwhile. */
const TRIES = 3;

/** Tries again on what somebody else wrote meanwhile, which is then recorded as what was there before. @throws Error `EBUSY` */
export async function retried(path: Path, work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ForeignWrite)) throw error;
      if (tries === TRIES) throw systemError('EBUSY', 'another process writes it at the same time', path);
    }
  }
}
