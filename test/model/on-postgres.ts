/** Histories on a PostgreSQL of their own. */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@recant/local-postgres';
import { playAll } from '../histories/campaign.ts';
import { createGround, createPlace } from '../histories/place.ts';
import type { State } from '../histories/state.ts';
import { judgeOnPostgres } from './real.ts';

/** Each has a service and databases of its own: most of the time of a history is spent waiting for the server. */
const PLACES = 2;
/** Histories test what is right, not what survives a power cut; passwords protect nothing here. */
const SETTINGS = { max_connections: '200', scram_iterations: '1', synchronous_commit: 'off', log_min_messages: 'fatal' };

export interface OnPostgres {
  readonly seeds: readonly number[];
  /** Added to. */
  readonly state: State;
  /** Checked before each history. */
  readonly goesOn: () => boolean;
  /** After each history. */
  readonly onOutcome: () => Promise<void>;
}

export async function playOnPostgres({ seeds, ...options }: OnPostgres): Promise<void> {
  const dataDir = join(tmpdir(), `recant-model-${randomBytes(6).toString('hex')}`);
  const server = await startPostgres({ dataDir, durable: false, temporary: true, settings: SETTINGS });
  try {
    await playWith(server.ownerUrl, { seeds, ...options });
  } finally {
    await server.stop();
  }
}

/** @param adminUrl a superuser of a server */
export async function playWith(adminUrl: string, options: OnPostgres): Promise<void> {
  const { drop, ...ground } = await createGround({ adminUrl });
  const openPlace = () => createPlace(ground, { judge: judgeOnPostgres });
  await playAll({ ...options, places: Math.min(PLACES, options.seeds.length), openPlace });
  await drop();
}
