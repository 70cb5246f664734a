import { type Client, createClient } from '@recant/client';
import type { Command } from 'commander';
import { type Connection, type ConnectionOptions, findConnection } from './connection.ts';
import { type Paint, painter, type Terminal } from './output.ts';

/** What every command gets from outside, so that a test can give it something else. */
export interface World extends Terminal {
  readonly env: NodeJS.ProcessEnv;
  readonly input: NodeJS.ReadStream;
  nowMs(): number;
  /** Ends the command orderly: Ctrl-C, SIGTERM. */
  readonly signal: AbortSignal;
}

/** One command's conversation with the service. */
export interface Session {
  readonly client: Client;
  readonly connection: Connection;
  readonly json: boolean;
  readonly paint: Paint;
}

export interface CommonOptions extends ConnectionOptions {
  readonly json?: boolean;
}

export async function openSession(world: World, options: CommonOptions): Promise<Session> {
  const connection = await findConnection(options, world.env);
  return { client: createClient(connection), connection, json: options.json === true, paint: painter(world.out) };
}

/** Options of every command that talks to the service. */
export function withConnection(command: Command): Command {
  return command
    .option('--json', 'print JSON for programs instead of text for people')
    .option('--url <address>', 'address of the service (RECANT_URL; default: what `recant up` left in --dir)')
    .option(
      '--key <key>',
      'API key (RECANT_API_KEY, or RECANT_TOKEN of a person; better than here, where other users of the machine can read it)',
    )
    .option('--dir <folder>', 'folder of `recant up` (RECANT_DIR; default .recant)');
}
