import { type Command, Option } from 'commander';
import { EXIT } from '../../terminal/exit.ts';
import type { World } from '../../terminal/session.ts';

const HELP = `
Two scripted agents work on a shop and a folder, one goes wrong, an operator undoes it, and the result is compared with a run without it.
Everything is made in a temporary folder and removed at the end. Exit code 1: something differs that the account does not explain.

Examples:
  recant demo
  recant demo --http
  recant demo --keep`;

export function addDemo(program: Command, world: World, exit: (code: number) => void): void {
  program
    .command('demo')
    .description('the whole way in one minute: record two agents, undo one, compare')
    .addOption(new Option('--http', 'send events over HTTP').conflicts('kafka'))
    .option('--kafka', 'send events over Kafka (default where Java and Maven are there)')
    .option('--keep', 'leave it running until Ctrl-C')
    .addHelpText('after', HELP)
    .action(async (options: { http?: boolean; kafka?: boolean; keep?: boolean }) => {
      const transport = options.http ? 'http' : options.kafka ? 'kafka' : undefined;
      const { runDemo } = await import('../../demo/demo.ts');
      const good = await runDemo(world, { keep: options.keep === true, ...(transport === undefined ? {} : { transport }) });
      exit(good ? EXIT.ok : EXIT.failed);
    });
}
