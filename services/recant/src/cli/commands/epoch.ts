import type { Command } from 'commander';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { shardOf } from '../options.ts';

const HELP = `
A database restored from an older copy lacks entries that were signed and anchored. The ledger then takes nothing into that log and signs nothing of it,
until a person says that it was restored, and why. The statement is an entry of the log for ever; auditors see it, and what is lost.

Example:
  recant epoch open 3 --reason "disk failure on 2026-11-23, restored from the backup of 02:00"`;

export function addEpoch(program: Command, world: World): void {
  const epoch = program.command('epoch').description('after a restore: open');
  withConnection(epoch.command('open').description('go on with a restored log').argument('<shard>', 'as the refusal names it'))
    .requiredOption('--reason <text>', 'why; it stands in the log for ever')
    .addHelpText('after', HELP)
    .action((shard: string, options: CommonOptions & { reason: string }) => open(world, shard, options));
}

async function open(world: World, shard: string, options: CommonOptions & { reason: string }): Promise<void> {
  const session = await openSession(world, options);
  const opened = await session.client.openEpoch(shardOf(shard), options.reason);
  world.out.write(
    session.json
      ? json(opened)
      : `Shard ${opened.shard} goes on in epoch ${opened.epoch}, from entry ${opened.start} (${opened.origin}).\n`,
  );
}
