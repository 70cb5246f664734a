import type { Command } from 'commander';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { shardOf } from '../options.ts';

const VKEYS_HELP = `
Auditors keep these, and get them over a way that they trust. Two of them mean that keys are being rotated: checkpoints are under both.

Example:
  recant log vkeys > ledger.vkeys`;
const NEW_KEY_HELP = `
To rotate: add the line to the file of signing keys (RECANT_SIGNING_KEY_FILE, or signing.key in the folder of \`recant up\`), restart, give auditors and
witnesses the new verifier key, and take the old line out when all of them have it.

Example:
  recant log new-key example.org/ledger >> signing.key`;

export function addLog(program: Command, world: World): void {
  const log = program.command('log').description('the log that others verify: vkeys, checkpoint, new-key');
  withConnection(log.command('vkeys').description('the keys that sign checkpoints, one a line'))
    .addHelpText('after', VKEYS_HELP)
    .action((options: CommonOptions) => vkeys(world, options));
  withConnection(log.command('checkpoint').description('the newest checkpoint of a shard').argument('<shard>', 'a number from 0'))
    .addHelpText('after', '\nExample:\n  recant log checkpoint 3')
    .action((shard: string, options: CommonOptions) => checkpoint(world, shard, options));
  log
    .command('new-key')
    .description('a new signing key, on stdout; nothing is kept')
    .argument('<ledger>', 'name of the ledger, as its verifier keys begin')
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
