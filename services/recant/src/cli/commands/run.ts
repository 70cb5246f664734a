import type { PlanView } from '@recant/api';
import type { Command } from 'commander';
import { hasEnded } from '../../render/run.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { count } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type Session, type World, withConnection, withReason } from '../../terminal/session.ts';
import { clockTime } from '../../terminal/time.ts';
import { confirmDigest, digestOf } from '../confirm.ts';
import { exitOf } from '../exit-of-run.ts';
import { follow } from '../follow-run.ts';
import { rateOf, wholeNumber } from '../options.ts';
import { planRepeatsText } from '../plan-repeats.ts';
import { printRun } from '../print-run.ts';
import { fullId } from '../short-id.ts';
import { addRunSteps } from './run-steps.ts';
import { addRunWatch } from './run-watch.ts';

const HELP = `
Asks for the start of the plan's digest before it starts. --yes does not ask; --digest does not ask and refuses a plan with another digest.
Ctrl-C stops watching; the run continues in the service.
Exit codes: 0 fully restored (with --accept-claimed also restored from claimed effects), 5 any other verdict, 3 refused (conflicts, stale, another
digest, not approved, already run), 1 the run waits for a person, or watching was stopped.

Examples:
  recant run PLAN
  recant run PLAN --yes --json
  recant run PLAN --digest 3f6c... --detach
  recant run PLAN --deadline 30m --rate 200/s
  recant run PLAN --break-glass --reason "INC-7: nobody else answers, prices are wrong"`;

type RunOptions = CommonOptions & {
  yes?: boolean;
  digest?: string;
  detach?: boolean;
  rows?: string;
  breakGlass?: true;
  fence?: string;
  deadline?: string;
  rate?: string;
  acceptClaimed?: boolean;
};

export function addRun(program: Command, world: World, exit: (code: number) => void): void {
  const run = program.command('run');
  addRunSteps(run, world);
  addRunWatch(run, world, exit);
  withReason(withConnection(run.description('run a plan and print the account').argument('<plan>', 'plan id')))
    .option('--yes', 'do not ask for confirmation')
    .option('--digest <sha256>', 'run only a plan with this digest', digestOf)
    .option('--rows <n>', 'confirm the number of rows and files that the run changes, where it is over the limit (RECANT_RUN_ROWS_MAX)')
    .option('--break-glass', 'start without the approval that the plan needs; --reason is required, and an alarm is raised')
    .option('--fence <duration>', FENCE_OPTION)
    .option('--deadline <duration>', DEADLINE_OPTION)
    .option('--rate <n/s>', RATE_OPTION)
    .option('--detach', 'return as soon as the run has started')
    .option('--accept-claimed', ACCEPT_CLAIMED)
    .addHelpText('after', HELP)
    .action(async (short: string, options: RunOptions) => {
      const session = await openSession(world, options);
      const id = await fullId(session.client, ['plan'], short);
      const plan = await session.client.plan(id);
      refuseSecondRun(plan);
      const digest = options.digest ?? (await confirmed(world, session, plan, options.yes === true));
      const started = await session.client.createRun(id, digest, {
        rows: wholeNumber('--rows', options.rows),
        breakGlass: options.breakGlass,
        fence: options.fence,
        deadline: options.deadline,
        rowsPerSecond: rateOf(options.rate),
      });
      const run = options.detach ? started : await follow(world, session, started);
      await printRun(world, session, run, options.detach === true);
      if (!session.json && hasEnded(run)) world.out.write(await planRepeatsText(session, run.plan));
      exit(exitOf(run, options.detach === true, options.acceptClaimed === true));
    });
}

/** A plan runs once; while its run is open, running it again follows that run. */
function refuseSecondRun({ id, run }: PlanView): void {
  if (run === undefined || !hasEnded(run)) return;
  const when = run.finishedAt === undefined ? '' : ` at ${clockTime(Date.parse(run.finishedAt))}`;
  throw new CliError(
    EXIT.refused,
    `Plan ${id} has already run: run ${run.id} ${run.state}${when}`,
    `Show the account with \`recant status ${run.id}\`, or create a new plan.`,
  );
}

async function confirmed(world: World, session: Session, plan: PlanView, yes: boolean): Promise<string> {
  if (yes) {
    if (!session.json) world.err.write(`Digest ${plan.digest}\n`);
    return plan.digest;
  }
  const question = `Undo ${count(plan.counts.steps, 'attempt')}?`;
  return confirmDigest(world, session.client, plan, session.paint, question, `Pass --yes, or --digest ${plan.digest}.`);
}

export const FENCE_OPTION = 'stop agents from repeating the undone calls for this time (24h), or until a time with a zone';
export const DEADLINE_OPTION = 'pause the run by itself after this time (30m), or at a time with a zone; a person resumes it';
export const RATE_OPTION = 'change at most so many rows and files a second: 200/s';
export const ACCEPT_CLAIMED = 'exit with 0 also if the only doubt is that effects were reported by the agent’s own process';
