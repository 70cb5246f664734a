import type { Capture, CapturingSystem } from '@recant/connector';
import { ConnectorError } from '@recant/connector';
import type { AttemptRef, Effect, VersionOrAbsent } from '@recant/events';
import { effectOf } from '../effect.ts';
import { openStore } from '../open-store.ts';
import { CONNECTOR, type Path, pathOfResource, ROOT, resourceOf } from '../path.ts';
import { imageOf, LETTERS, PART_OF, type State, type VersionOf } from '../state.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Store, StoreOptions } from '../store/store.ts';
import { changesSince, declare, declaredState } from './declared.ts';
import { createDirectory, type Directory } from './directory.ts';
import { recordObserved } from './perform.ts';

export interface FilesystemSystem extends CapturingSystem<Directory> {
  close(): Promise<void>;
}

/**
 * The agent's side of a folder. Tools use the handle; changes by other tools to declared files and folders are found by comparison.
 * Several processes may capture on one root at once; they share its store.
 */
export function filesystemSystem(options: StoreOptions): FilesystemSystem {
  const store = openStore(options);
  /** The store was found to be usable: an attempt that declares nothing needs no further look. */
  let isReady = false;
  return {
    name: options.name,
    connector: CONNECTOR,
    async capture(attempt, resources) {
      const paths = resources.map((resource) => pathOf(options.name, resource));
      if (paths.length === 0 && isReady) return createCapture(store, attempt, {});
      // A large folder that nobody looked at before takes several turns, so that others can work in between.
      while (!(await store.withLock((locked) => declare(locked, attempt, paths))));
      const before = await store.withLock(async (locked) => {
        const stated = [...new Set(paths)].filter((path) => path !== ROOT);
        return Object.fromEntries(
          stated.map((path) => [resourceOf(options.name, path), versionsOf(locked.versionOf, declaredState(locked, path))]),
        );
      });
      isReady = true;
      return createCapture(store, attempt, before);
    },
    close: store.close,
  };
}

function createCapture(store: Store, attempt: AttemptRef, before: Capture['before']): Capture<Directory> {
  let ended: string | undefined;
  const use: Store['withLock'] = (work) => {
    if (ended !== undefined)
      throw new ConnectorError(
        'capture_refused',
        `The attempt was already ${ended}, so this operation would not be recorded. Start a new attempt.`,
      );
    return store.withLock(work);
  };
  return {
    before,
    handle: createDirectory({ attempt, withLock: async (work) => use(work) }),
    async *settle() {
      ended ??= 'settled';
      yield* await store.withLock((locked) => settle(locked, attempt));
    },
    async release() {
      if (ended !== undefined) return;
      ended = 'released';
      await store.withLock(async (locked) => {
        const declared = locked.history.declaredBy(attempt);
        if (declared?.settled === false) await locked.append({ k: 'released', at: attempt }, false);
      });
    },
  };
}

/** Read from the journal, so that a repetition, also by another process after a kill, gives the same effects. */
async function settle(locked: LockedStore, attempt: AttemptRef): Promise<Effect[]> {
  const declared = locked.history.declaredBy(attempt);
  if (declared !== undefined && !declared.settled) {
    await recordObserved(locked, attempt, await changesSince(locked, declared), true);
    await locked.failpoint('settled.before');
    await locked.append({ k: 'settled', at: attempt });
  }
  const effects: Effect[] = [];
  for (const line of locked.history.linesOf(attempt)) {
    const record = await locked.read(line);
    if (record.k === 'did' || record.k === 'step')
      for (const entry of record.es) effects.push(effectOf(locked.system, locked.versionOf, entry));
  }
  return effects;
}

function pathOf(system: string, resource: string): Path {
  const path = pathOfResource(system, resource);
  if (path === undefined)
    throw new ConnectorError(
      'resource_invalid',
      `Invalid resource ${JSON.stringify(resource.slice(0, 200))}: expected a canonical URI under filesystem://${system}/.`,
    );
  return path;
}

function versionsOf(versionOf: VersionOf, state: State): Record<string, VersionOrAbsent> {
  const letters = LETTERS.filter((letter) => letter === 'e' || imageOf(state, letter) !== null);
  return Object.fromEntries(letters.map((letter) => [PART_OF[letter], versionOf(state, letter)]));
}
