import { randomUUID } from 'node:crypto';
import { ConfigError, createApp, createLogger, ListenError, listen, listenAddressOf, listenEnv, readConfig } from '@recant/service';
import { PORT_DEFAULT, type WiredWitness, wireWitness } from '@recant/service-witness/wire';
import { z } from 'zod';
import { CliError, EXIT } from '../terminal/exit.ts';
import type { World } from '../terminal/session.ts';
import { VERSION } from '../terminal/version.ts';

/** Milliseconds that open requests get to finish when the witness stops. */
const STOP_MS_MAX = 5_000;

const Environment = z.object({
  ...listenEnv(PORT_DEFAULT),
  RECANT_WITNESS_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('warn'),
});

export interface WitnessOptions {
  readonly dir: string;
  readonly log?: readonly string[];
  readonly name?: string;
  readonly host: string;
  readonly port?: string;
}

export interface RunningWitness {
  readonly url: string;
  readonly vkey: string;
  readonly logs: readonly string[];
  /** Resolves when the signal aborts. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** @throws CliError */
export async function startWitness(options: WitnessOptions, world: World): Promise<RunningWitness> {
  const port = readPort(options.port);
  const { level, address } = readEnvironment(world);
  const logger = createLogger({ name: 'witness', level, destination: { write: (line) => void world.err.write(line) } });
  const { dir, name, log = [] } = options;
  const witness = await wireWitness({ dir, name, logKeys: log, clock: world.nowMs }).catch((cause: Error) => {
    throw new CliError(EXIT.failed, cause.message, 'See `recant witness --help`.', { cause });
  });
  const app = appOf(witness, logger);
  const listening = await listen(app, { ...address, host: options.host, port, logger }).catch(async (cause: unknown) => {
    await witness.stop();
    throw cause instanceof ListenError ? new CliError(EXIT.failed, cause.message, undefined, { cause }) : cause;
  });
  return {
    url: listening.url,
    vkey: witness.vkey,
    logs: witness.logs,
    ended: new Promise((done) => {
      if (world.signal.aborted) done();
      world.signal.addEventListener('abort', () => done(), { once: true });
    }),
    async stop() {
      await listening.close(STOP_MS_MAX);
      await witness.stop();
    },
  };
}

function readEnvironment({ env }: World) {
  try {
    const read = readConfig(Environment, { ...env, RECANT_HOST: undefined, RECANT_PORT: undefined });
    return { level: read.RECANT_WITNESS_LOG_LEVEL, address: listenAddressOf(read) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CliError(EXIT.usage, error.problems.join('; '), 'Correct the environment variable.', { cause: error });
  }
}

function appOf({ routers, health }: WiredWitness, logger: ReturnType<typeof createLogger>) {
  // No API keys: the signature of a checkpoint identifies its ledger.
  const keyring = { find: async () => undefined };
  return createApp({ title: 'Recant witness', version: VERSION, routers, health, keyring, logger, requestId: randomUUID });
}

function readPort(text: string | undefined): number {
  const port = text === undefined ? PORT_DEFAULT : Number(text);
  if (text?.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new CliError(EXIT.usage, `--port: expected a number from 0 to 65535, got ${JSON.stringify(text)}`);
  return port;
}
