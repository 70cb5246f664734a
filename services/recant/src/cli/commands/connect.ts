import { resolve } from 'node:path';
import type { Command } from 'commander';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { requireSystemName, SYSTEM_NAME } from '../options.ts';
import { addConnectPostgres } from './connect-postgres.ts';

const FILESYSTEM_HELP = `
Registers a folder. The service must see the folder under the same path.

Example:
  recant connect filesystem catalogue --root ./catalogue`;

type FilesystemOptions = CommonOptions & { root: string; store?: string };

export function addConnect(program: Command, world: World): void {
  const connect = program.command('connect').description('register a system that rollbacks may write to');
  addConnectPostgres(connect, world);
  withConnection(connect.command('filesystem').description('register a folder').argument('<name>', SYSTEM_NAME))
    .requiredOption('--root <folder>', 'the folder')
    .option('--store <folder>', 'folder for images of its files (default: .recant-images-NAME beside the root)')
    .addHelpText('after', FILESYSTEM_HELP)
    .action((name: string, options: FilesystemOptions) => connectFilesystem(world, name, options));
}

async function connectFilesystem(world: World, name: string, { root, store, ...options }: FilesystemOptions): Promise<void> {
  requireSystemName(name);
  const session = await openSession(world, options);
  const folders = { root: resolve(root), ...(store === undefined ? {} : { store: resolve(store) }) };
  const made = await session.client.registerSystem({ name, connector: 'filesystem', options: folders });
  world.out.write(session.json ? json(made) : `Registered ${made.name} (${made.connector}, ${made.identity}).\n`);
}
