import { resolve } from 'node:path';
import type { Command } from 'commander';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { requireSystemName, SYSTEM_NAME, several, wholeNumber } from '../options.ts';
import { addConnectPostgres } from './connect-postgres.ts';

const FILESYSTEM_HELP = `
Registers a folder. The service must see the folder under the same path. Repeat the command to change the options: those that are left out return
to their default. They apply to every process that captures in the folder.

A change that a tool makes without the handle is ambiguous: a person, another program or another tool may have made it, and only a person's selection
undoes it. In an exclusive folder nobody writes but tools that declare it, so such a change is attributed to the tool.

Examples:
  recant connect filesystem catalogue --root ./catalogue
  recant connect filesystem work --root ./work --exclusive agents --ignore node_modules --ignore '*.log'`;

const EXCLUSIVE = 'folder below the root, or . for the root, in which only tools that declare it write; repeatable';
const IGNORE = 'name (node_modules, *.log) or path (build/**) that watched captures leave out; repeatable';

type FilesystemOptions = CommonOptions & {
  root: string;
  store?: string;
  exclusive?: string[];
  ignore?: string[];
  fileBytesMax?: string;
  treeEntriesMax?: string;
  watchedEntriesMax?: string;
};

export function addConnect(program: Command, world: World): void {
  const connect = program.command('connect').description('register a system that rollbacks may write to');
  addConnectPostgres(connect, world);
  withConnection(connect.command('filesystem').description('register a folder').argument('<name>', SYSTEM_NAME))
    .requiredOption('--root <folder>', 'the folder')
    .option('--store <folder>', 'folder for images of its files (default: .recant-images-NAME beside the root)')
    .option('--exclusive <folder>', EXCLUSIVE, several)
    .option('--ignore <pattern>', IGNORE, several)
    .option('--file-bytes-max <n>', 'bytes of a file whose content is stored; larger ones are recorded by digest (default 33554432)')
    .option('--tree-entries-max <n>', 'entries of a folder that the handle moves or removes (default 10000)')
    .option('--watched-entries-max <n>', 'entries below the paths that one tool declares (default 1000000)')
    .addHelpText('after', FILESYSTEM_HELP)
    .action((name: string, options: FilesystemOptions) => connectFilesystem(world, name, options));
}

async function connectFilesystem(world: World, name: string, options: FilesystemOptions): Promise<void> {
  requireSystemName(name);
  const registered = registeredOptions(options);
  const session = await openSession(world, options);
  const made = await session.client.registerSystem({ name, connector: 'filesystem', options: registered });
  world.out.write(session.json ? json(made) : `Registered ${made.name} (${made.connector}, ${made.identity}).\n${ruleText(options)}`);
}

function registeredOptions({ root, store, exclusive, ignore, ...limits }: FilesystemOptions): Record<string, unknown> {
  const given = {
    root: resolve(root),
    store: store === undefined ? undefined : resolve(store),
    exclusive,
    ignore,
    fileBytesMax: wholeNumber('--file-bytes-max', limits.fileBytesMax),
    treeEntriesMax: wholeNumber('--tree-entries-max', limits.treeEntriesMax),
    watchedEntriesMax: wholeNumber('--watched-entries-max', limits.watchedEntriesMax),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function ruleText({ exclusive, ignore }: FilesystemOptions): string {
  return [
    ...(exclusive === undefined
      ? []
      : [`Exclusive, so that watched changes are attributed: ${exclusive.map((folder) => JSON.stringify(folder)).join(', ')}.\n`]),
    ...(ignore === undefined ? [] : [`Not captured: ${ignore.map((pattern) => JSON.stringify(pattern)).join(', ')}.\n`]),
  ].join('');
}
