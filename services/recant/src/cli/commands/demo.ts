import { type Command, Option } from 'commander';
import { EXIT } from '../../terminal/exit.ts';
import type { World } from '../../terminal/session.ts';

const HELP = `
Two scripted agents work on a shop database and a folder; one goes wrong. An operator undoes it, and the result is compared with a control run
without that agent. Everything is created in a temporary folder and removed at the end.
Exit code 1: the account does not explain every difference.

Examples:
  recant demo
  recant demo --http
  recant demo --keep`;

export function addDemo(program: Command, world: World, exit: (code: number) => void): void {
  program
    .command('demo')
    .description('record two agents, undo one, compare; takes a minute')
    .addOption(new Option('--http', 'send events over HTTP').conflicts('kafka'))
    .option('--kafka', 'send events over Kafka (default if Java and Maven are installed)')
    .option('--keep', 'keep the services running until Ctrl-C')
    .addHelpText('after', HELP)
    .action(async (options: { http?: boolean; kafka?: boolean; keep?: boolean }) => {
      const transport = options.http ? 'http' : options.kafka ? 'kafka' : undefined;
      const { runDemo } = await import('../../demo/demo.ts');
      const explained = await runDemo(world, { keep: options.keep === true, ...(transport === undefined ? {} : { transport }) });
      exit(explained ? EXIT.ok : EXIT.failed);
    });
}
