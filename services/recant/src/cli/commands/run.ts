import type { PlanView, RunView } from '@recant/api';
import type { Command } from 'commander';
import { hasEnded, runText, standsStill } from '../../render/run.ts';
import { pause } from '../../terminal/delay.ts';
import { EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { type CommonOptions, openSession, type Session, type World, withConnection } from '../../terminal/session.ts';
import { agreedDigest, digestOf } from '../confirm.ts';

const POLL_MS = 200;
const HELP = `
Asks before it starts: the answer is the beginning of the plan's digest. --yes takes the digest as the service gives it now, --digest insists on one.
Exit codes: 0 fully restored, 5 ended but not fully restored, 3 refused (conflicts, outgrown, another digest, not approved), 1 stopped and waits for a person.

Examples:
  recant run PLAN
  recant run PLAN --yes --json
  recant run PLAN --digest 3f6c... --detach`;

type RunOptions = CommonOptions & { yes?: boolean; digest?: string; detach?: boolean };

export function addRun(program: Command, world: World, exit: (code: number) => void): void {
  withConnection(program.command('run').description('carry out a plan, step by step').argument('<plan>', 'its id'))
    .option('--yes', 'do not ask')
    .option('--digest <sha256>', 'run only if the plan has this digest', digestOf)
    .option('--detach', 'do not wait for the end')
    .addHelpText('after', HELP)
    .action(async (id: string, options: RunOptions) => {
      const session = await openSession(world, options);
      const plan = await session.client.plan(id);
      const digest = options.digest ?? (await agreed(world, session, plan, options.yes === true));
      const started = await session.client.createRun(id, digest);
      const run = options.detach ? started : await follow(world, session, started);
      world.out.write(session.json ? json(run) : runText(run, session.paint));
      exit(exitOf(run, options.detach === true));
    });
}

/** The digest that the person in front of the terminal has agreed to. */
async function agreed(world: World, session: Session, plan: PlanView, yes: boolean): Promise<string> {
  if (yes) {
    if (!session.json) world.err.write(`Digest ${plan.digest}\n`);
    return plan.digest;
  }
  return agreedDigest(world, plan, session.paint, `Undo ${plan.body.steps.length} attempts?`, `Say --yes, or --digest ${plan.digest}.`);
}

/** Until nothing moves any more. Ctrl-C stops the watching; the run goes on in the service. */
export async function follow(world: World, session: Session, started: RunView): Promise<RunView> {
  const progress = progressLine(world.err);
  let run = started;
  while (!standsStill(run) && !world.signal.aborted) {
    const ended = run.stepList.filter((step) => step.state === 'ended').length;
    progress.note(`Run ${run.id}: ${run.state}, ${ended} of ${run.steps} steps`);
    await pause(POLL_MS, world.signal);
    if (!world.signal.aborted) run = await session.client.run(run.id);
  }
  progress.done();
  if (!standsStill(run)) world.err.write(`The run goes on in the service: recant status ${run.id}\n`);
  return run;
}

export function exitOf(run: RunView, detached: boolean): number {
  if (hasEnded(run)) return run.account.fullyRestored ? EXIT.ok : EXIT.notFullyRestored;
  return detached ? EXIT.ok : EXIT.failed;
}
