import type { Command } from 'commander';
import { ask, requireTerminal } from '../../terminal/ask.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { count, json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';

const HELP = `
Destroys all data keys of the subject. Contents sealed for it become unreadable for everyone, in backups of the ledger too; backups of the keys
database must expire on their own. Entries, digests and proofs stay valid. Values that were recorded unsealed, and images in target systems, are not
erased. Asks for the subject's name; --yes does not ask.

Examples:
  recant subjects erase customer/42
  recant subjects erase customer/42 --yes --json`;

export function addSubjects(program: Command, world: World): void {
  const subjects = program.command('subjects').description('subjects of sealed data');
  withConnection(
    subjects
      .command('erase')
      .description('destroy the data keys of a subject, permanently')
      .argument('<subject>', 'subject, from `recant actions show`'),
  )
    .option('--yes', 'do not ask for confirmation')
    .addHelpText('after', HELP)
    .action((subject: string, options: CommonOptions & { yes?: boolean }) => erase(world, subject, options));
}

async function erase(world: World, subject: string, options: CommonOptions & { yes?: boolean }): Promise<void> {
  const session = await openSession(world, options);
  if (options.yes !== true) {
    requireTerminal(world, 'No terminal to confirm on', 'Pass --yes.');
    const answer = await ask(
      world,
      `Contents sealed for ${printable(subject)} will be permanently unreadable. Type the subject's name to confirm: `,
    );
    if (answer !== subject) throw new CliError(EXIT.refused, 'Not confirmed: nothing was erased');
  }
  const erased = await session.client.eraseSubject(subject);
  if (session.json) return void world.out.write(json(erased));
  const { destroyed } = erased;
  world.out.write(
    destroyed === 0
      ? `No data key for ${printable(subject)}: already erased, or nothing was sealed under this name (\`recant actions show\` prints the names).\n`
      : `Destroyed ${count(destroyed, 'data key')} of ${printable(subject)}; contents sealed with ${destroyed === 1 ? 'it' : 'them'} are unreadable.\n`,
  );
}
