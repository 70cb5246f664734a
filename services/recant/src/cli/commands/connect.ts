import { resolve } from 'node:path';
import type { PrepareReport } from '@recant/connector-postgres';
import { isSystemName } from '@recant/events';
import type { Command } from 'commander';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { several } from '../options.ts';

const NAME = 'system name: letters, digits, ".", "_" and "-"';
const POSTGRES_HELP = `
Installs capture in the database (schema "recant" and triggers) and registers the database as a system. --database is the owner's address; the
service stores it sealed and undoes with it. Agents keep their own logins, which must not be able to change triggers or the schema "recant".

Example:
  recant connect postgres shop --database postgres://owner:...@db.example/shop --agent-role pricing_bot --agent-role support_bot`;
const FILESYSTEM_HELP = `
Registers a folder. The service must see the folder under the same path.

Example:
  recant connect filesystem catalogue --root ./catalogue`;

type PostgresOptions = CommonOptions & { database: string; table?: string[]; agentRole?: string[]; derived?: string[]; history?: string[] };
type FilesystemOptions = CommonOptions & { root: string; store?: string };

export function addConnect(program: Command, world: World): void {
  const connect = program.command('connect').description('register a system that rollbacks may write to');
  withConnection(connect.command('postgres').description('register a PostgreSQL database').argument('<name>', NAME))
    .requiredOption('--database <url>', 'address of the database, with the login of its owner')
    .option('--table <schema.table>', 'capture only this table; repeatable (default: all)', several)
    .option('--agent-role <role>', 'login of agents, or LOGIN=SOURCE-PREFIX; repeatable', several)
    .option(
      '--derived <schema.table.column>',
      'column maintained by triggers of the database: captured, not checked, not restored; repeatable',
      several,
    )
    .option('--history <schema.table>', 'append-only history table: never undone; repeatable', several)
    .addHelpText('after', POSTGRES_HELP)
    .action((name: string, options: PostgresOptions) => connectPostgres(world, name, options));
  withConnection(connect.command('filesystem').description('register a folder').argument('<name>', NAME))
    .requiredOption('--root <folder>', 'the folder')
    .option('--store <folder>', 'folder for images of its files (default: .recant-images-NAME beside the root)')
    .addHelpText('after', FILESYSTEM_HELP)
    .action((name: string, options: FilesystemOptions) => connectFilesystem(world, name, options));
}

/** The service checks the name too; here it is checked before anything is installed in the target. */
function requireSystemName(name: string): void {
  if (isSystemName(name)) return;
  throw new CliError(
    EXIT.usage,
    `Invalid system name ${JSON.stringify(name)}`,
    'Expected 1 to 64 letters, digits, ".", "_" or "-", starting with a letter or digit.',
  );
}

/** `role`, or `role=source-prefix`: the login may then use only sources with that prefix. */
function agentRole(text: string): string | { role: string; sourcePrefix: string } {
  const at = text.indexOf('=');
  return at < 0 ? text : { role: text.slice(0, at), sourcePrefix: text.slice(at + 1) };
}

async function connectPostgres(world: World, name: string, options: PostgresOptions): Promise<void> {
  requireSystemName(name);
  if (!/^postgres(ql)?:\/\//.test(options.database))
    throw new CliError(
      EXIT.usage,
      '--database is not a PostgreSQL address',
      'Pass an address such as postgres://owner:...@db.example/shop.',
    );
  const session = await openSession(world, options);
  // Fails for a key that may not register systems, before anything is installed in the target.
  await session.client.systems();
  const report = await prepare(name, options);
  const system = await session.client.registerSystem({ name, connector: 'postgres', options: { url: options.database } });
  world.out.write(session.json ? json({ system, prepared: report }) : preparedText(report, options.agentRole ?? []));
}

async function prepare(name: string, options: PostgresOptions): Promise<PrepareReport> {
  const { preparePostgres } = await import('@recant/connector-postgres');
  const { table: tables, derived, history } = options;
  try {
    return await preparePostgres({
      url: options.database,
      system: name,
      agentRoles: (options.agentRole ?? []).map(agentRole),
      ...(tables && { tables }),
      ...(derived && { derived }),
      ...(history && { history }),
    });
  } catch (cause) {
    throw new CliError(
      EXIT.failed,
      `Cannot prepare the database: ${(cause as Error).message}`,
      'Check the address, and that its user owns the tables.',
      { cause },
    );
  }
}

function preparedText(report: PrepareReport, agentRoles: readonly string[]): string {
  const lines = [`Registered ${report.system}. Captured: ${report.tables.map((table) => table.table).join(', ') || 'no table'}.`];
  for (const skipped of report.skipped) lines.push(`Not captured: ${skipped.table}, ${skipped.reason}`);
  if (report.waysRound.length > 0) lines.push("The agents' logins can bypass capture:", ...report.waysRound.map((way) => `  ${way}`));
  else if (agentRoles.length > 0) lines.push("The agents' logins cannot bypass capture.");
  else lines.push('Not checked whether agents can bypass capture: name their logins with --agent-role.');
  return `${lines.map(printable).join('\n')}\n`;
}

async function connectFilesystem(world: World, name: string, { root, store, ...options }: FilesystemOptions): Promise<void> {
  requireSystemName(name);
  const session = await openSession(world, options);
  const folders = { root: resolve(root), ...(store === undefined ? {} : { store: resolve(store) }) };
  const made = await session.client.registerSystem({ name, connector: 'filesystem', options: folders });
  world.out.write(session.json ? json(made) : `Registered ${made.name} (${made.connector}, ${made.identity}).\n`);
}
