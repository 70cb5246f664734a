/** Kafka if Java and Maven are installed, else HTTP. */
import { LocalKafkaError } from '@recant/local-kafka';
import { progressLine } from '../terminal/progress.ts';
import type { World } from '../terminal/session.ts';
import { readSettings } from '../up/settings.ts';
import { type RunningUp, startUp } from '../up/start.ts';

export type Transport = 'http' | 'kafka';

export interface StartedRecant {
  readonly running: RunningUp & { readonly ownerUrl: string };
  readonly transport: Transport;
  /** The transport for people, with the reason for it. */
  readonly reason: string;
}

const NO_KAFKA_HERE = new Set(['java_missing', 'java_too_old', 'maven_missing', 'jars_missing']);

/** @throws CliError if the wanted transport is not available */
export async function startRecant(world: World, dir: string, wanted: Transport | undefined): Promise<StartedRecant> {
  if (wanted === 'http') return { running: await start(world, dir, false), transport: 'http', reason: 'HTTP (--http)' };
  try {
    return { running: await start(world, dir, true), transport: 'kafka', reason: 'Kafka (its own broker)' };
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (wanted === 'kafka' || !(cause instanceof LocalKafkaError) || !NO_KAFKA_HERE.has(cause.code)) throw error;
    return { running: await start(world, dir, false), transport: 'http', reason: `HTTP (Kafka not available: ${cause.message})` };
  }
}

/** The demo must be the same on every machine: it ignores the settings in the environment. */
async function start(world: World, dir: string, kafka: boolean): Promise<RunningUp & { readonly ownerUrl: string }> {
  const env = Object.fromEntries(
    Object.entries(world.env).filter(([name]) => !name.startsWith('RECANT_') && name !== 'DATABASE_URL' && name !== 'KAFKA_BROKERS'),
  );
  const settings = readSettings({ dir, port: '0', kafka }, env);
  const progress = progressLine(world.err);
  const running = await startUp(settings, { progress: (text) => progress.note(text), signal: world.signal }).finally(() => progress.done());
  if (running.ownerUrl === undefined) throw new Error('the demo needs the embedded PostgreSQL');
  return { ...running, ownerUrl: running.ownerUrl };
}
