import type { Command } from 'commander';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection, withReason } from '../../terminal/session.ts';
import { table } from '../../terminal/table.ts';
import { clockTime } from '../../terminal/time.ts';
import { requireSystemName, SYSTEM_NAME } from '../options.ts';

const ACCEPT_HELP = `
When the queue of captured changes reached its limit, changes of people were not captured, and attempts before them cannot be undone. Once you have
checked what they changed, accept the hole: an undo then goes past it, and ends \`restored_unverified\` at best.

Example:
  recant systems accept shop --table public.orders --reason "INC-7: only prices were imported"`;

export function addSystems(program: Command, world: World): void {
  const systems = withConnection(program.command('systems').description('list systems that rollbacks may write to, newest first'));
  withConnection(systems.command('accept').description('accept that changes of a system were not captured').argument('<name>', SYSTEM_NAME))
    .requiredOption('--reason <text>', 'recorded with your name')
    .option('--table <schema.table>', 'accept holes of this table only')
    .addHelpText('after', ACCEPT_HELP)
    .action((name: string, options: AcceptOptions) => accept(world, name, options));
  withReason(
    withConnection(
      systems
        .command('end-transaction')
        .description('end a transaction that an agent left open')
        .argument('<name>', SYSTEM_NAME)
        .argument('<pid>', 'from `recant plan`'),
    ),
  )
    .addHelpText(
      'after',
      "\nEnds the session of an agent's login, which rolls its transaction back.\n\nExample:\n  recant systems end-transaction shop 4711",
    )
    .action((name: string, pid: string, options: CommonOptions) => endTransaction(world, name, pid, options));
  systems.addHelpText('after', '\nExample:\n  recant systems --json').action(async (options: CommonOptions) => {
    const session = await openSession(world, options);
    const items = (await session.client.systems()).toSorted((a, b) => Date.parse(b.registeredAt) - Date.parse(a.registeredAt));
    if (session.json) return void world.out.write(json(items));
    if (items.length === 0) return void world.out.write('No systems. Register one with `recant connect`.\n');
    const rows = items.map((system) => [
      system.name,
      system.connector,
      clockTime(Date.parse(system.registeredAt)),
      system.coverage === undefined ? '-' : system.coverage.length === 0 ? 'whole' : `${system.coverage.length} findings`,
      system.identity,
    ]);
    world.out.write(`${table(['system', 'connector', 'registered', 'capture', 'identity'], rows, session.paint)}\n`);
    for (const { name, coverage = [] } of items)
      for (const { detail, action } of coverage) world.out.write(`${printable(`${name}: ${detail} ${action}`)}\n`);
  });
}

type AcceptOptions = CommonOptions & { readonly reason: string; readonly table?: string };

async function accept(world: World, name: string, { table: of, ...options }: AcceptOptions): Promise<void> {
  const { reason } = options;
  requireSystemName(name);
  const session = await openSession(world, options);
  const scope = of === undefined ? {} : { scope: `postgres://${name}/${of}/` };
  const { accepted } = await session.client.acceptIncomplete(name, { reason, ...scope });
  if (session.json) return void world.out.write(json(accepted));
  world.out.write(
    accepted.length === 0 ? 'No hole to accept.\n' : accepted.map(({ detail }) => `${printable(`Accepted: ${detail}`)}\n`).join(''),
  );
}

async function endTransaction(world: World, name: string, pid: string, options: CommonOptions): Promise<void> {
  requireSystemName(name);
  if (!/^[1-9]\d{0,9}$/.test(pid)) throw new CliError(EXIT.usage, `Expected the number of a process, got ${JSON.stringify(pid)}`);
  const session = await openSession(world, options);
  const { ended } = await session.client.endTransaction(name, Number(pid));
  if (session.json) return void world.out.write(json(ended));
  const [one] = ended;
  world.out.write(
    one === undefined ? 'No open transaction of an agent with this pid.\n' : `${printable(`Ended the transaction of ${one.login}.`)}\n`,
  );
}
