import type { Command } from 'commander';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { shardOf } from '../options.ts';

const VKEYS_HELP = `
Auditors save these keys, and must get them over a channel that they trust. Two keys mean a rotation: checkpoints carry both signatures.

Example:
  recant log vkeys > ledger.vkeys`;
const NEW_KEY_HELP = `
To rotate: append the line to the file of signing keys (RECANT_SIGNING_KEY_FILE, or signing.key in the data folder), restart, give auditors and
witnesses the new verifier key, and remove the old line when all of them have it.

Example:
  recant log new-key example.org/ledger >> signing.key`;

export function addLog(program: Command, world: World): void {
  const log = program.command('log').description('checkpoints and keys of the log, for auditors');
  withConnection(log.command('vkeys').description('print the verifier keys, one a line'))
    .addHelpText('after', VKEYS_HELP)
    .action((options: CommonOptions) => vkeys(world, options));
  withConnection(
    log.command('checkpoint').description('print the newest checkpoint of a shard').argument('<shard>', 'shard number, from 0'),
  )
    .addHelpText('after', '\nExample:\n  recant log checkpoint 3')
    .action((shard: string, options: CommonOptions) => checkpoint(world, shard, options));
  log
    .command('new-key')
    .description('print a new signing key; it is not stored')
    .argument('<ledger>', 'name of the ledger: the part of its verifier keys before the first +')
    .addHelpText('after', NEW_KEY_HELP)
    .action((ledger: string) => newKey(world, ledger));
}

async function vkeys(world: World, options: CommonOptions): Promise<void> {
  const session = await openSession(world, options);
  const text = await session.client.vkeys();
  world.out.write(session.json ? json(text.trim().split('\n')) : text);
}

async function checkpoint(world: World, shard: string, options: CommonOptions): Promise<void> {
  const session = await openSession(world, options);
  const text = await session.client.checkpoint(shardOf(shard));
  world.out.write(session.json ? json({ checkpoint: text }) : text);
}

async function newKey(world: World, ledger: string): Promise<void> {
  const { newSigningKey } = await import('@recant/service-ledger/wire');
  try {
    world.out.write(newSigningKey(ledger));
  } catch (cause) {
    throw new CliError(EXIT.usage, (cause as Error).message, 'Use a name such as example.org/ledger.', { cause });
  }
}
