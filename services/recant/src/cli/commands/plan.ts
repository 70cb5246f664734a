import { type Command, Option } from 'commander';
import { planText } from '../../render/plan.ts';
import { EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { several } from '../options.ts';
import { type SelectionOptions, selectionOf, withFilters } from '../selection.ts';

const HELP = `
A plan changes nothing, and runs once: --show tells of its run. In mode refuse one conflict stops the whole; skip leaves the attempts that cannot be
undone, and what depends on them.
Exit code 3: the plan has conflicts in mode refuse.

Examples:
  recant plan --agent pricing-bot --window 10m
  recant plan --agent pricing-bot --window 10m --mode skip
  recant plan --session 4711 --tool delete_file
  recant plan --run RUN                     undo a rollback
  recant plan --show PLAN`;

type PlanOptions = CommonOptions & SelectionOptions & { mode: 'refuse' | 'skip'; show?: string };
export function addPlan(program: Command, world: World, exit: (code: number) => void): void {
  withFilters(withConnection(program.command('plan').description('what undoing would do, and what stands in its way')))
    .option('--action <id>', 'this action', several)
    .option('--run <id>', 'the inverses of this run', several)
    .addOption(new Option('--mode <mode>', 'what to do about conflicts').choices(['refuse', 'skip']).default('refuse'))
    .option('--show <plan>', 'show a plan made before instead of making one')
    .addHelpText('after', HELP)
    .action(async (options: PlanOptions) => {
      const selected = options.show === undefined ? selectionOf(options, world.nowMs()) : undefined;
      const session = await openSession(world, options);
      const progress = progressLine(world.err);
      if (selected) progress.note('Planning: reading the ledger, probing the systems ...');
      const plan = await (selected
        ? session.client.createPlan({ ...selected, mode: options.mode })
        : session.client.plan(options.show as string)
      ).finally(() => progress.done());
      world.out.write(session.json ? json(plan) : planText(plan, session.paint));
      if (plan.body.mode === 'refuse' && plan.body.conflicts.length > 0) exit(EXIT.refused);
    });
}
