import { mkdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createRouter, type HealthCheck, type Router } from '@recant/service';
import { createWitness, type WitnessStore } from '@recant/witness';
import { lockFolder } from './folder-lock.ts';
import { openFolderStore } from './folder-store.ts';
import { readLogKeys } from './log-keys.ts';
import { witnessRoutes } from './routes.ts';
import { openWitnessKey } from './witness-key.ts';

export { PORT_DEFAULT } from './config.ts';

export interface WitnessOptions {
  /** Folder of all state; created if missing. Losing it or restoring an older copy allows the witness to cosign a fork. */
  readonly dir: string;
  readonly name?: string | undefined;
  /** Vkeys, in addition to the folder's `log-keys`. */
  readonly logKeys: readonly string[];
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** For fault tests: called after a new head is durable, before it is signed. */
  readonly advanced?: () => void;
}

export interface WiredWitness {
  readonly vkey: string;
  /** Names of the ledgers whose logs it cosigns. */
  readonly logs: readonly string[];
  readonly routers: readonly Router[];
  readonly health: Readonly<Record<string, HealthCheck>>;
  /** Releases the folder. Call it after closing the listener. */
  stop(): Promise<void>;
}

/** Connects the adapters of the witness to its ports, and locks the folder for this process. @throws Error with one line per problem */
export async function wireWitness({ dir, name, logKeys, clock, advanced }: WitnessOptions): Promise<WiredWitness> {
  await mkdir(resolve(dir), { recursive: true, mode: 0o700 });
  const path = await realpath(resolve(dir));
  const unlock = await lockFolder(path);
  try {
    const known = await readLogKeys(path, logKeys);
    const key = await openWitnessKey(path, name);
    const store = withFailpoint(await openFolderStore(path), advanced);
    return {
      vkey: key.vkey,
      logs: [...new Set(known.map((each) => each.name))],
      routers: [createRouter('witness', witnessRoutes(createWitness({ logKeys: known, store, cosigner: key, clock })))],
      health: { folder: async () => realpath(path).then(() => ({ status: 'ok' as const })) },
      stop: unlock,
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

function withFailpoint(store: WitnessStore, advanced: (() => void) | undefined): WitnessStore {
  if (advanced === undefined) return store;
  return {
    ...store,
    async advance(sizeBefore, next) {
      const done = await store.advance(sizeBefore, next);
      if (done === 'advanced') advanced();
      return done;
    },
  };
}
