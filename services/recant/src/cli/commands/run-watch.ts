import type { RunProgressView } from '@recant/api';
import type { Command } from 'commander';
import { hasEnded } from '../../render/run.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { exitOf } from '../exit-of-run.ts';
import { watch } from '../follow-run.ts';
import { planRepeatsText } from '../plan-repeats.ts';
import { printRun } from '../print-run.ts';
import { fullId } from '../short-id.ts';

const HELP = `
Shows progress until the run has ended, also while it waits for a person, then prints the account: one line that is overwritten on a terminal, elsewhere a line for each
change of state and every 5 s. --json prints each snapshot as one line of JSON instead, and no account.
Ctrl-C stops watching; the run continues in the service.
Exit codes: 0 fully restored, 5 any other verdict, 3 refused; with --json 0 once the run has ended. 1 watching was stopped.

Examples:
  recant run watch RUN
  recant run watch RUN --json | jq .rowsLeft`;

export function addRunWatch(run: Command, world: World, exit: (code: number) => void): void {
  withConnection(run.command('watch').description('show a run live until it has ended').argument('<run>', 'run id'))
    .addHelpText('after', HELP)
    .action(async (short: string, _own: CommonOptions, command: Command) => {
      // `run` has options of the same names, which it takes wherever they stand.
      const session = await openSession(world, command.optsWithGlobals<CommonOptions>());
      const id = await fullId(session.client, ['run'], short);
      const print = (progress: RunProgressView) => void world.out.write(`${JSON.stringify(progress)}\n`);
      await watch(world, session, id, hasEnded, session.json ? print : undefined);
      if (world.signal.aborted) throw stopped(id);
      if (session.json) return;
      const account = await session.client.run(id);
      await printRun(world, session, account, false);
      world.out.write(await planRepeatsText(session, account.plan));
      exit(exitOf(account, false, false));
    });
}

const stopped = (id: string) =>
  new CliError(EXIT.failed, `Run ${id} continues in the service`, `Watch it again with \`recant run watch ${id}\`.`);
