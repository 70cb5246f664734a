import { setTimeout as delay } from 'node:timers/promises';
import type { ErasedImages } from '@recant/api';
import type { Command } from 'commander';
import { ask, requireTerminal } from '../../terminal/ask.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { count, json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type Session, type World, withConnection, withReason } from '../../terminal/session.ts';

const HELP = `
Destroys all data keys of the subject. Contents sealed for it become unreadable for everyone, in backups of the ledger too; backups of the keys
database must expire on their own. Entries, digests and proofs stay valid. Values that were recorded unsealed are not erased. Then erases the images of
the subject's rows in registered databases (\`recant connect postgres --subject\`) and says what it could not reach; that is tried again by itself.
Attempts whose images are erased cannot be undone. Asks for the subject's name; --yes does not ask. Exit code 3: something was not reached yet.

Examples:
  recant subjects erase customer/42
  recant subjects erase customer/42 --yes --json
  recant subjects show customer/42`;

export function addSubjects(program: Command, world: World): void {
  const subjects = program.command('subjects').description('subjects of sealed data');
  withReason(
    withConnection(
      subjects
        .command('erase')
        .description('destroy the data keys of a subject, permanently')
        .argument('<subject>', 'subject, from `recant actions show`'),
    ),
  )
    .option('--yes', 'do not ask for confirmation')
    .addHelpText('after', HELP)
    .action((subject: string, options: CommonOptions & { yes?: boolean }) => erase(world, subject, options));
  withConnection(
    subjects.command('show').description('what an erasure has reached in registered systems').argument('<subject>', 'subject'),
  ).action((subject: string, options: CommonOptions) => show(world, subject, options));
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
  const { destroyed } = await session.client.eraseSubject(subject);
  const systems = await untilTried(session, subject);
  if (session.json) world.out.write(json({ subject, destroyed, systems }));
  else world.out.write(`${keysText(subject, destroyed)}\n${systems.map(imagesText).join('')}`);
  if (systems.some(({ state }) => state !== 'erased'))
    throw new CliError(EXIT.refused, 'Images of this subject may remain', `See \`recant subjects show ${subject}\`.`);
}

async function show(world: World, subject: string, options: CommonOptions): Promise<void> {
  const session = await openSession(world, options);
  const erasure = await session.client.erasure(subject);
  if (session.json) return void world.out.write(json(erasure));
  const nothing = `No erasure of ${printable(subject)} was requested in a registered system.\n`;
  world.out.write(erasure.systems.length === 0 ? nothing : erasure.systems.map(imagesText).join(''));
}

const TRY_MS_MAX = 15_000;
const POLL_MS = 250;

/** The rollback service carries the erasure out; it goes on without this command. */
async function untilTried({ client }: Session, subject: string): Promise<readonly ErasedImages[]> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const { systems } = await client.erasure(subject);
    const isTried = systems.every(({ state, remains }) => state !== 'pending' || remains.length > 0);
    if (isTried || waitedMs >= TRY_MS_MAX) return systems;
    await delay(POLL_MS);
  }
}

function keysText(subject: string, destroyed: number): string {
  if (destroyed === 0)
    return `No data key for ${printable(subject)}: already erased, or nothing was sealed under this name (\`recant actions show\` prints the names).`;
  return `Destroyed ${count(destroyed, 'data key')} of ${printable(subject)}; contents sealed with ${destroyed === 1 ? 'it' : 'them'} are unreadable.`;
}

function imagesText({ system, state, changes, remains }: ErasedImages): string {
  const erased = `${system}: images of ${count(changes, 'change')} erased`;
  if (state === 'erased') return `${printable(erased)}.\n`;
  const why = remains.length === 0 ? ['the service has not tried it yet'] : remains;
  const next = state === 'pending' ? ' It is tried again; `recant subjects show` says how far it is.' : '';
  return `${printable(`${erased}; not reached: ${why.join(' ')}${next}`)}\n`;
}
