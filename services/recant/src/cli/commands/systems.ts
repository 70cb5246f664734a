import type { Command } from 'commander';
import { json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { table } from '../../terminal/table.ts';
import { clockTime } from '../../terminal/time.ts';

export function addSystems(program: Command, world: World): void {
  withConnection(program.command('systems').description('list systems that rollbacks may write to, newest first'))
    .addHelpText('after', '\nExample:\n  recant systems --json')
    .action(async (options: CommonOptions) => {
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
