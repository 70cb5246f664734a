import { type Client, createClient } from '@recant/client';
import { isReason, REASON_BYTES_MAX } from '@recant/events';
import type { Command } from 'commander';
import { type Connection, type ConnectionOptions, type Credential, findConnection } from './connection.ts';
import { CliError, EXIT } from './exit.ts';
import { type Paint, painter, type Terminal } from './output.ts';

/** The process around a command: streams, environment, clock. Tests pass their own. */
export interface World extends Terminal {
  readonly env: NodeJS.ProcessEnv;
  readonly input: NodeJS.ReadStream;
  nowMs(): number;
  /** Aborts at Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Called with the credential of each session, so that a refusal can name its source. */
  onCredential?(credential: Credential): void;
}

/** One command's session with the service. */
export interface Session {
  readonly client: Client;
  readonly connection: Connection;
  readonly json: boolean;
  readonly paint: Paint;
}

export interface CommonOptions extends ConnectionOptions {
  readonly json?: boolean;
  /** Why the operator acts; recorded. */
  readonly reason?: string;
}

export async function openSession(world: World, options: CommonOptions): Promise<Session> {
  const connection = await findConnection(options, world.env);
  const { url, apiKey, credential } = connection;
  world.onCredential?.(credential);
  return {
    client: createClient({ url, apiKey, ...reasonOf(options) }),
    connection,
    json: options.json === true,
    paint: painter(world.out),
  };
}

/** @throws CliError for a reason that an act cannot contain */
export function reasonOf({ reason }: Pick<CommonOptions, 'reason'>): { readonly reason?: string } {
  if (reason === undefined) return {};
  if (isReason(reason)) return { reason };
  throw new CliError(EXIT.usage, `--reason: expected 1 to ${REASON_BYTES_MAX} bytes in one line`);
}

/** Options of every command that talks to the service. */
export function withConnection(command: Command): Command {
  return withFolder(withJson(command))
    .option('--url <address>', 'address of the service (RECANT_URL; default: from the data folder)')
    .option('--key <key>', 'API key; prefer RECANT_API_KEY or RECANT_TOKEN, as other local users can read command lines');
}

/** For commands that are recorded as acts. */
export function withReason(command: Command): Command {
  return command.option('--reason <text>', 'why; recorded permanently with your name');
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON instead of text');
}

export function withFolder(command: Command): Command {
  return command.option('--dir <folder>', 'data folder of `recant up` (RECANT_DIR; default: the nearest .recant in this repository)');
}
