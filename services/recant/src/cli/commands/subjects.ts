import type { Command } from 'commander';
import { ask, requirePerson } from '../../terminal/ask.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';

const HELP = `
Destroys every key of the subject. What was sealed for it can never be read again by anybody, backups of the ledger included; backups of the store of keys
have to end by themselves. Entries, digests and proofs stay, and stay valid. Asks for the subject's name before it does so; --yes does not ask.

Examples:
  recant subjects erase customer/42
  recant subjects erase customer/42 --yes --json`;

export function addSubjects(program: Command, world: World): void {
  const subjects = program.command('subjects').description('whose data is sealed: erase');
  withConnection(
    subjects
      .command('erase')
      .description('destroy the keys of a subject, for ever')
      .argument('<subject>', 'as `recant actions show` names it'),
  )
    .option('--yes', 'do not ask')
    .addHelpText('after', HELP)
    .action((subject: string, options: CommonOptions & { yes?: boolean }) => erase(world, subject, options));
}

async function erase(world: World, subject: string, options: CommonOptions & { yes?: boolean }): Promise<void> {
  const session = await openSession(world, options);
  if (options.yes !== true) {
    requirePerson(world, 'Nobody is there to confirm it', 'Say --yes.');
    const answer = await ask(world, `What is sealed for ${printable(subject)} will never be readable again. Type its name to go on: `);
    if (answer !== subject) throw new CliError(EXIT.refused, 'Not confirmed: nothing was erased');
  }
  const erased = await session.client.eraseSubject(subject);
  if (session.json) return void world.out.write(json(erased));
  const { destroyed } = erased;
  const keys = `${destroyed} key${destroyed === 1 ? '' : 's'}`;
  world.out.write(
    destroyed === 0
      ? `There is no key of ${printable(subject)}: it was erased before, or nothing was ever sealed under this name (\`recant actions show\` has the names).\n`
      : `${keys} of ${printable(subject)} destroyed: what they sealed is erased.\n`,
  );
}
