import type { Command } from 'commander';
import { folderOf } from '../../terminal/connection.ts';
import { json, printable } from '../../terminal/output.ts';
import type { World } from '../../terminal/session.ts';

const HELP = `
The local person of \`recant up\` is called operator; its password was made and shown at the first start. The new one counts at once, also for a service
that is running. With people of an OpenID provider nobody needs it. Who made it, and when, is an entry (\`recant acts\`), at once where \`recant up\` runs, else
as soon as it starts; what it is stands nowhere.

Example:
  recant password`;

export function addPassword(program: Command, world: World): void {
  program
    .command('password')
    .description('a new password for the local person; it is shown once')
    .option('--dir <folder>', 'folder of `recant up` (RECANT_DIR; default .recant)')
    .option('--json', 'print JSON for programs instead of text for people')
    .addHelpText('after', HELP)
    .action(async (options: { dir?: string; json?: boolean }) => {
      const { resetPassword } = await import('../../folder/password.ts');
      const { password, owed } = await resetPassword(folderOf(options.dir, world.env), world);
      world.out.write(options.json ? json({ name: 'operator', password, recorded: owed === undefined }) : `${password}\n`);
      if (!options.json) world.err.write('This is the password of `operator` from now on. It is not shown again.\n');
      if (owed !== undefined)
        world.err.write(`No log took the record of it (${printable(owed)}): the next start of \`recant up\` makes it an entry.\n`);
    });
}
