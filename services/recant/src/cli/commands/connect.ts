import { resolve } from 'node:path';
import type { SystemInput } from '@recant/api';
import type { PrepareReport } from '@recant/connector-postgres';
import type { Command } from 'commander';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { several } from '../options.ts';

const POSTGRES_HELP = `
Installs the capture in the database (a schema "recant" and triggers), and registers the database under NAME. The address is the owner's:
the service keeps it sealed and undoes with it. Agents go on with their own logins, which must be able to change neither triggers nor capture.

Example:
  recant connect postgres shop --database postgres://owner:...@db.example/shop --agent-role pricing_bot --agent-role support_bot`;
const FILESYSTEM_HELP = `
Registers a folder. The service must see the same folder under the same path.

Example:
  recant connect filesystem catalogue --root ./catalogue`;

type PostgresOptions = CommonOptions & { database: string; table?: string[]; agentRole?: string[]; derived?: string[]; history?: string[] };
type FilesystemOptions = CommonOptions & { root: string; store?: string };

export function addConnect(program: Command, world: World): void {
  const connect = program.command('connect').description('register a system that may be written to when undoing');
  withConnection(connect.command('postgres').description('a PostgreSQL database').argument('<name>', 'a-z, 0-9 and -'))
    .requiredOption('--database <url>', "the owner's address of the database")
    .option('--table <schema.table>', 'capture only this table; may be repeated (default: all)', several)
    .option('--agent-role <role>', 'a login of agents, or login=source-prefix; may be repeated', several)
    .option('--derived <schema.table.column>', 'kept by triggers of the target: captured, not guarded, not written back', several)
    .option('--history <schema.table>', 'only tells what happened: never undone', several)
    .addHelpText('after', POSTGRES_HELP)
    .action((name: string, options: PostgresOptions) => connectPostgres(world, name, options));
  withConnection(connect.command('filesystem').description('a folder').argument('<name>', 'a-z, 0-9 and -'))
    .requiredOption('--root <folder>', 'the folder')
    .option('--store <folder>', 'where images of its files are kept')
    .addHelpText('after', FILESYSTEM_HELP)
    .action((name: string, options: FilesystemOptions) =>
      register(world, options, {
        name,
        connector: 'filesystem',
        options: { root: resolve(options.root), ...(options.store === undefined ? {} : { store: resolve(options.store) }) },
      }),
    );
}

/** `role`, or `role=source-prefix`: then the login may only name sources that start so. */
function agentRole(text: string): string | { role: string; sourcePrefix: string } {
  const at = text.indexOf('=');
  return at < 0 ? text : { role: text.slice(0, at), sourcePrefix: text.slice(at + 1) };
}

async function connectPostgres(world: World, name: string, options: PostgresOptions): Promise<void> {
  if (!/^postgres(ql)?:\/\//.test(options.database))
    throw new CliError(EXIT.usage, '--database is not an address of PostgreSQL', 'Write it like postgres://owner:...@db.example/shop.');
  const session = await openSession(world, options);
  // A key that may not look at systems may not register one: known before anything is installed in the target.
  await session.client.systems();
  const { preparePostgres } = await import('@recant/connector-postgres');
  let report: PrepareReport;
  try {
    const agentRoles = (options.agentRole ?? []).map(agentRole);
    const { table: tables, derived, history } = options;
    report = await preparePostgres({
      url: options.database,
      system: name,
      agentRoles,
      ...(tables && { tables }),
      ...(derived && { derived }),
      ...(history && { history }),
    });
  } catch (cause) {
    throw new CliError(
      EXIT.failed,
      `The database cannot be prepared: ${(cause as Error).message}`,
      'Check the address, and that its user owns the tables.',
      { cause },
    );
  }
  const system = await session.client.registerSystem({ name, connector: 'postgres', options: { url: options.database } });
  world.out.write(session.json ? json({ system, prepared: report }) : preparedText(report));
}

function preparedText(report: PrepareReport): string {
  const lines = [`${report.system} is registered. Captured: ${report.tables.map((table) => table.table).join(', ') || 'no table'}.`];
  for (const skipped of report.skipped) lines.push(`Not captured: ${skipped.table}, ${skipped.reason}`);
  if (report.waysRound.length === 0) lines.push("The capture cannot be skipped by the agents' logins.");
  else lines.push("Ways round the capture, for the agents' logins:", ...report.waysRound.map((way) => `  ${way}`));
  return `${lines.map(printable).join('\n')}\n`;
}

async function register(world: World, options: CommonOptions, system: SystemInput): Promise<void> {
  const session = await openSession(world, options);
  const made = await session.client.registerSystem(system);
  world.out.write(session.json ? json(made) : `${made.name} is registered (${made.connector}, ${made.identity}).\n`);
}
