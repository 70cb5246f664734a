import type { Connector, InverseResult, PartAddress, Probed, TargetSystem } from '@recant/connector';
import { ConnectorError } from '@recant/connector';
import { openStore } from '../open-store.ts';
import { CONNECTOR, pathOfResource, ROOT } from '../path.ts';
import { readState } from '../read-state.ts';
import { letterOf } from '../state.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Store, StoreOptions } from '../store/store.ts';
import { type Imagining, invertStep, raiseFence, rehearseStep, storedResult } from './invert.ts';
import { registrationOf } from './registration.ts';

/** Options of a registered system: see `Registration`. `exclusive`, `ignore` and the limits apply to every process that captures on the root. */
export const filesystemConnector: Connector = createFilesystemConnector();

/** @param failpoint called at named points; fault tests kill the process there. */
export function createFilesystemConnector(
  failpoint?: NonNullable<StoreOptions['failpoint']>,
  tuning: Pick<StoreOptions, 'filesAtOnce'> = {},
): Connector {
  return {
    kind: CONNECTOR,
    async open(registration) {
      const { store: folder, lockWaitMs, root, ...settings } = registrationOf(registration);
      const store = openStore({
        name: registration.name,
        root,
        ...(folder === undefined ? {} : { store: folder }),
        ...(lockWaitMs === undefined ? {} : { lockWaitMs }),
        ...(failpoint === undefined ? {} : { failpoint }),
        ...tuning,
      });
      await store.configure(settings);
      return createTarget(registration.name, store);
    },
  };
}

function createTarget(name: string, store: Store): TargetSystem {
  return {
    name,
    connector: CONNECTOR,
    identity: store.identity,
    async probe(parts) {
      try {
        return await store.withLock((locked) => probeAll(locked, parts));
      } catch (error) {
        if (!(error instanceof ConnectorError) || error.code !== 'unreachable') throw error;
        return parts.map((part) => ({ ...part, kind: 'unreadable', reason: error.message }));
      }
    },
    rehearse: (steps) =>
      store.withLock(async (locked) => {
        const imagined: Imagining = { states: new Map(), undone: new Set() };
        const results: InverseResult[] = [];
        for (const step of steps) results.push(await rehearseStep(locked, step, imagined));
        return results;
      }),
    async invert(batch) {
      const results: InverseResult[] = [];
      // One lock per step, so that agents can work between steps.
      for (const step of batch.steps) results.push(await store.withLock((locked) => invertStep(locked, batch, step)));
      return results;
    },
    // Work under way holds the lock, so it has ended by now.
    applied: (run, steps, token) =>
      store.withLock(async (locked) => {
        await raiseFence(locked, run, token);
        const results = await Promise.all(steps.map((step) => storedResult(locked, run, step)));
        return results.filter((result) => result !== undefined);
      }),
    close: store.close,
  };
}

async function probeAll(locked: LockedStore, parts: readonly PartAddress[]): Promise<Probed[]> {
  const probed: Probed[] = [];
  for (const { resource, part } of parts) {
    const [path, letter] = [pathOfResource(locked.system, resource), letterOf(part)];
    const seen =
      path === undefined || path === ROOT || letter === undefined
        ? undefined
        : await readState({ ...locked.readOptions, content: letter === 'c' }, path);
    if (seen === undefined || letter === undefined)
      probed.push({ resource, part, kind: 'unreadable', reason: 'Not a part of a resource of this system.' });
    else if (seen.kind === 'unreadable') probed.push({ resource, part, kind: 'unreadable', reason: seen.reason });
    else probed.push({ resource, part, kind: 'version', version: locked.versionOf(seen.state, letter) });
  }
  return probed;
}
