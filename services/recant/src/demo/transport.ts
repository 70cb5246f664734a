/** Kafka where Java and Maven are there, else HTTP; and says which, and why. */
import { LocalKafkaError } from '@recant/local-kafka';
import { progressLine } from '../terminal/progress.ts';
import type { World } from '../terminal/session.ts';
import { readSettings } from '../up/settings.ts';
import { type RunningUp, startUp } from '../up/start.ts';

export type Transport = 'http' | 'kafka';

export interface StartedRecant {
  readonly running: RunningUp & { readonly ownerUrl: string };
  readonly transport: Transport;
  readonly why: string;
}

const NO_KAFKA_HERE = new Set(['java_missing', 'java_too_old', 'maven_missing', 'jars_missing']);

/** A forced transport that cannot be had is an error. @throws CliError */
export async function startRecant(world: World, dir: string, wanted: Transport | undefined): Promise<StartedRecant> {
  if (wanted === 'http') return { running: await start(world, dir, false), transport: 'http', why: 'HTTP (--http)' };
  try {
    return { running: await start(world, dir, true), transport: 'kafka', why: 'Kafka (a broker of its own)' };
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (wanted === 'kafka' || !(cause instanceof LocalKafkaError) || !NO_KAFKA_HERE.has(cause.code)) throw error;
    return { running: await start(world, dir, false), transport: 'http', why: `HTTP (no Kafka here: ${cause.message})` };
  }
}

/** The demo is the same on every machine: nothing of the environment but PATH and the like reaches it. */
async function start(world: World, dir: string, kafka: boolean): Promise<RunningUp & { readonly ownerUrl: string }> {
  const env = Object.fromEntries(
    Object.entries(world.env).filter(([name]) => !name.startsWith('RECANT_') && name !== 'DATABASE_URL' && name !== 'KAFKA_BROKERS'),
  );
  const settings = readSettings({ dir, port: '0', kafka }, env);
  const progress = progressLine(world.err);
  const running = await startUp(settings, { tell: (text) => progress.note(text), signal: world.signal }).finally(() => progress.done());
  if (running.ownerUrl === undefined) throw new Error('the demo starts a PostgreSQL of its own');
  return { ...running, ownerUrl: running.ownerUrl };
}
