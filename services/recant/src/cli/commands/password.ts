import type { Command } from 'commander';
import { folderOf } from '../../terminal/connection.ts';
import { json, printable } from '../../terminal/output.ts';
import { LOCAL_PERSON } from '../../terminal/person.ts';
import { reasonOf, type World, withFolder, withJson, withReason } from '../../terminal/session.ts';

const HELP = `
The first start of \`recant up\` creates the local person \`operator\` with a password. This command replaces it; the new one is valid at once, also for
a running service. The reset is recorded as an act, or at the next start if the ledger is not running. Where people sign in through OpenID
Connect, this password is not needed.

Example:
  recant password`;

export function addPassword(program: Command, world: World): void {
  withReason(withFolder(withJson(program.command('password').description('reset the password of the local person; it is shown once'))))
    .addHelpText('after', HELP)
    .action(async (options: { dir?: string; json?: boolean; reason?: string }) => {
      const { resetPassword } = await import('../../folder/password.ts');
      const { password, owed } = await resetPassword(folderOf(options.dir, world.env), world, reasonOf(options).reason);
      world.out.write(options.json ? json({ name: LOCAL_PERSON, password, recorded: owed === undefined }) : `${password}\n`);
      if (!options.json) world.err.write(`New password of \`${LOCAL_PERSON}\`. Save it now, it won't be shown again.\n`);
      if (owed !== undefined)
        world.err.write(`The reset is not in the log yet (${printable(owed)}); the next start of \`recant up\` records it.\n`);
    });
}
