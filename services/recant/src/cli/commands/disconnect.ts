import type { Command } from 'commander';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { type DatabaseOptions, databaseAddress } from '../database-address.ts';
import { requireSystemName, SYSTEM_NAME } from '../options.ts';
import { targetError, withDatabase } from './connect-postgres.ts';

const HELP = `
Removes the capture from the database (triggers, schema "recant", granted rights), which is then as it was before \`connect\`, and the registration.
Refused while recorded attempts can still be undone. A folder has no capture to remove: only its registration ends.

Examples:
  PGPASSWORD=... recant disconnect shop --database postgres://owner@db.example/shop
  recant disconnect shop --database-file owner.url --discard`;

type DisconnectOptions = CommonOptions & DatabaseOptions & { discard?: boolean };

export function addDisconnect(program: Command, world: World): void {
  withDatabase(withConnection(program.command('disconnect').description('end the capture of a system').argument('<name>', SYSTEM_NAME)))
    .option('--discard', 'although attempts can still be undone: they can then no longer be undone')
    .addHelpText('after', HELP)
    .action((name: string, options: DisconnectOptions) => disconnect(world, name, options));
}

async function disconnect(world: World, name: string, options: DisconnectOptions): Promise<void> {
  requireSystemName(name);
  const session = await openSession(world, options);
  const system = (await session.client.systems()).find((known) => known.name === name);
  if (system === undefined)
    throw new CliError(
      EXIT.usage,
      `Unknown system ${JSON.stringify(name)} (system_unknown)`,
      'List the registered systems with `recant systems`.',
    );
  const tables = system.connector === 'postgres' ? await unprepare(world, name, options) : [];
  await session.client.removeSystem(name);
  if (session.json) return void world.out.write(json({ system: name, tables }));
  const removed = tables.length === 0 ? '' : ` Removed the capture of ${tables.join(', ')}.`;
  world.out.write(`${printable(`Disconnected ${name}.${removed}`)}\n`);
}

async function unprepare(world: World, name: string, options: DisconnectOptions): Promise<readonly string[]> {
  const url = await databaseAddress(world, options);
  const { unpreparePostgres } = await import('@recant/connector-postgres');
  return unpreparePostgres({ url, system: name, discard: options.discard === true }).catch((cause: unknown) => {
    throw targetError('Cannot remove the capture', cause);
  });
}
