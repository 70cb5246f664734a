import type { Command } from 'commander';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { shardOf } from '../options.ts';

const HELP = `
A database restored from an old backup lacks entries that were already signed and anchored. The ledger then refuses to append to that log and
to sign it until a person states that it was restored, and why. The statement is a permanent entry; auditors see it, and which entries are lost.

Example:
  recant epoch open 3 --reason "disk failure on 2026-11-23, restored from the backup of 02:00"`;

export function addEpoch(program: Command, world: World): void {
  const epoch = program.command('epoch').description('resume a log after a database restore');
  withConnection(
    epoch.command('open').description('open a new epoch of a restored log').argument('<shard>', 'shard number, from the error'),
  )
    .requiredOption('--reason <text>', 'why; recorded permanently in the log')
    .addHelpText('after', HELP)
    .action((shard: string, options: CommonOptions & { reason: string }) => open(world, shard, options));
}

async function open(world: World, shard: string, options: CommonOptions & { reason: string }): Promise<void> {
  const session = await openSession(world, options);
  const opened = await session.client.openEpoch(shardOf(shard), options.reason);
  world.out.write(
    session.json
      ? json(opened)
      : `Shard ${opened.shard} continues in epoch ${opened.epoch} from entry ${opened.start} (${opened.origin}).\n`,
  );
}
