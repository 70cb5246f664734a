import { type HealthDetails, isNotice, type RunView } from '@recant/api';
import { type Command, Option } from 'commander';
import { alarmsText } from '../../render/alarm.ts';
import { runsText } from '../../render/run.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { count, json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type Session, type World, withConnection, withReason } from '../../terminal/session.ts';
import { exitOf } from '../exit-of-run.ts';
import { follow } from '../follow-run.ts';
import { planRepeatsText } from '../plan-repeats.ts';
import { printRun } from '../print-run.ts';
import { fullId } from '../short-id.ts';
import { ACCEPT_CLAIMED } from './run.ts';

const HELP = `
Without RUN: health of the service, open alarms and the latest runs. With RUN: the account of that run; exit codes as for \`recant run\`.

Examples:
  recant status
  recant status RUN --wait
  recant status RUN --do pause              or resume, cancel
  recant status RUN --step 4 --do retry     or skip, for a step that waits for a person`;

const ALARMS_SHOWN_MAX = 10;

const RUN_ACTS = ['pause', 'resume', 'cancel'] as const;
const STEP_ACTS = ['retry', 'skip'] as const;
type Act = (typeof RUN_ACTS)[number] | (typeof STEP_ACTS)[number];
type StatusOptions = CommonOptions & { wait?: boolean; do?: Act; step?: string; acceptClaimed?: boolean };

export function addStatus(program: Command, world: World, exit: (code: number) => void): void {
  withReason(withConnection(program.command('status').description('show the service and its runs, or one run').argument('[run]', 'run id')))
    .option('--wait', 'wait until the run ends')
    .addOption(new Option('--do <act>', 'act on the run, or on one step with --step').choices([...RUN_ACTS, ...STEP_ACTS]))
    .option('--step <n>', 'number of the step that waits for a person')
    .option('--accept-claimed', ACCEPT_CLAIMED)
    .addHelpText('after', HELP)
    .action(async (short: string | undefined, options: StatusOptions) => {
      const session = await openSession(world, options);
      if (short === undefined) {
        if (options.do !== undefined || options.wait)
          throw new CliError(EXIT.usage, '--do and --wait need a run', 'Pass a run id: recant status RUN --wait.');
        return overview(world, session);
      }
      const id = await fullId(session.client, ['run'], short);
      const now = options.do === undefined ? await session.client.run(id) : await act(session, id, options.do, options.step);
      const run = options.wait ? await follow(world, session, now) : now;
      await printRun(world, session, run, !options.wait);
      if (!session.json) world.out.write(await planRepeatsText(session, run.plan));
      exit(exitOf(run, !options.wait, options.acceptClaimed === true));
    });
}

async function act(session: Session, run: string, what: Act, step: string | undefined): Promise<RunView> {
  if (what === 'retry' || what === 'skip') {
    const number = Number(step);
    if (step === undefined || !/^[1-9][0-9]{0,9}$/.test(step))
      throw new CliError(EXIT.usage, `--do ${what} needs --step`, 'Pass the number of the step: --step 4.');
    return what === 'retry' ? session.client.retryStep(run, number) : session.client.skipStep(run, number);
  }
  if (step !== undefined) throw new CliError(EXIT.usage, `--do ${what} applies to the whole run`, 'Leave out --step.');
  const acts = { pause: session.client.pauseRun, resume: session.client.resumeRun, cancel: session.client.cancelRun };
  return acts[what](run);
}

/** Checks may all be well where alarms are open: these say why the service is degraded. */
function alarmCauses({ status, alarms = [] }: HealthDetails): string[] {
  const open = alarms.filter(({ code, acknowledged }) => acknowledged === undefined && !isNotice(code));
  if (status === 'ok' || open.length === 0) return [];
  const codes = [...new Set(open.map(({ code }) => code.replaceAll('_', ' ')))];
  return [`${count(open.length, 'open alarm')} (${codes.join(', ')}; below, with what to do)`];
}

async function overview(world: World, session: Session): Promise<void> {
  const health = await session.client.healthDetails();
  const alarms = await session.client.alarms({ open: true }, { limit: ALARMS_SHOWN_MAX + 1 });
  const runs = await session.client.runs();
  const fences = await session.client.fences({}, { limit: 1 });
  if (session.json)
    return void world.out.write(
      json({
        url: session.connection.url,
        health,
        alarms: alarms.items.slice(0, ALARMS_SHOWN_MAX),
        runs: runs.items,
        fenced: fences.items.length > 0,
      }),
    );
  const checks = Object.entries(health.checks ?? {}).map(
    ([name, check]) => `${name} ${check.status}${check.detail === undefined ? '' : ` (${check.detail})`}`,
  );
  const causes = [...alarmCauses(health), ...checks];
  world.out.write(
    `${session.connection.url}: ${session.paint(health.status === 'ok' ? 'green' : 'red', health.status)}${causes.length === 0 ? '' : `: ${causes.join(', ')}`}\n`,
  );
  world.out.write(alarmsText(alarms.items.slice(0, ALARMS_SHOWN_MAX), session.paint));
  if (alarms.items.length > ALARMS_SHOWN_MAX) world.out.write('More: recant alarms\n');
  if (fences.items.length > 0) world.out.write('Repetitions of calls are stopped: recant fences\n');
  world.out.write(runsText(runs.items, session.paint));
}
