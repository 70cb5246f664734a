import type { Command } from 'commander';
import { alarmsText } from '../../render/alarm.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { nextPageText, type PageOptions, pageOf, withPages } from '../options.ts';

const HELP = `
An alarm is a condition that needs a person: missing events, a silent source, a stopped partition, an anchor that does not answer, a full disk.
It starts and ends by itself. \`acknowledge\` is for a condition that stays, such as a gap that nothing can fill: it remains listed, and degrades
no health until its detail changes.

Examples:
  recant alarms
  recant alarms --all
  recant alarms acknowledge ALARM --reason "host lost, incident 4711"`;

type AlarmOptions = CommonOptions & PageOptions & { all?: boolean };

export function addAlarms(program: Command, world: World): void {
  const alarms = withPages(withConnection(program.command('alarms').description('list open alarms, newest first')))
    .option('--all', 'include alarms that have ended')
    .addHelpText('after', HELP)
    .action(async (options: AlarmOptions) => {
      const session = await openSession(world, options);
      const page = await session.client.alarms({ open: options.all !== true }, pageOf(options));
      if (session.json) return void world.out.write(json(page));
      world.out.write(page.items.length === 0 ? 'No alarms.\n' : alarmsText(page.items, session.paint));
      world.err.write(nextPageText(page.next, options));
    });
  withConnection(alarms.command('acknowledge').description('acknowledge an open alarm').argument('<alarm>', 'alarm id'))
    .requiredOption('--reason <text>', 'why the condition is acceptable; recorded in the log')
    .addHelpText('after', '\nExample:\n  recant alarms acknowledge ALARM --reason "host lost, incident 4711"')
    .action(async (alarm: string, { reason }: { reason: string }, command: Command) => {
      // Options of the parent with the same name would otherwise be its own.
      const options = command.optsWithGlobals<CommonOptions>();
      const session = await openSession(world, options);
      const acknowledged = await session.client.acknowledgeAlarm(alarm, reason);
      world.out.write(session.json ? json(acknowledged) : alarmsText([acknowledged], session.paint));
    });
}
