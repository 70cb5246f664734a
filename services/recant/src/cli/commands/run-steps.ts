import type { StepsInput } from '@recant/api';
import type { Command } from 'commander';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { count, json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection, withReason } from '../../terminal/session.ts';
import { fullId } from '../short-id.ts';

type StepsOptions = CommonOptions & { all?: boolean; step?: string[]; where?: string[] };

const HELP = `
--where code=CODE and --where system=NAME choose by the findings that \`recant status RUN\` shows; values of one kind are combined with or, kinds with and.
Exit codes: 0 done, 1 no stuck step matches.

Examples:
  recant run retry RUN --all
  recant run retry RUN --where code=unreachable --where system=shop
  recant run skip RUN --step 4 --step 9`;

const TEXTS = { retry: 'tries stuck steps of a run again', skip: 'ends stuck steps of a run without undoing them' } as const;

/** \`run retry\` and \`run skip\`: decisions about many stuck steps at once. */
export function addRunSteps(run: Command, world: World): void {
  const collect = (value: string, before: string[] = []): string[] => [...before, value];
  for (const act of ['retry', 'skip'] as const)
    withReason(withConnection(run.command(act).description(TEXTS[act]).argument('<run>', 'run id')))
      .option('--all', 'every stuck step')
      .option('--step <n>', 'a step; repeat for more', collect)
      .option('--where <kind=value>', 'steps with such a finding; repeat for more', collect)
      .addHelpText('after', HELP)
      .action(async (short: string, _own: StepsOptions, command: Command) => {
        // `run` has options of the same names, which it takes wherever they stand.
        const options = command.optsWithGlobals<StepsOptions>();
        const which = whichOf(options);
        const session = await openSession(world, options);
        const { client } = session;
        const id = await fullId(client, ['run'], short);
        const acted = await (act === 'retry' ? client.retrySteps(id, which) : client.skipSteps(id, which));
        const text = `${count(acted.steps.length, 'step')} ${act === 'retry' ? 'will be tried again' : 'will be skipped'}. Next: recant status ${id} --wait\n`;
        world.out.write(session.json ? json(acted) : text);
      });
}

function whichOf({ all, step = [], where = [] }: StepsOptions): StepsInput {
  if ((all === true) === step.length + where.length > 0)
    throw new CliError(EXIT.usage, 'No steps chosen', 'Pass --all, or --step and --where.');
  const steps = step.map((text) => {
    if (!/^[1-9][0-9]{0,8}$/.test(text))
      throw new CliError(EXIT.usage, `Invalid step ${JSON.stringify(text)}`, 'Pass the number of a step: --step 4.');
    return Number(text);
  });
  const valuesOf = (kind: string): string[] =>
    where.filter((text) => text.startsWith(`${kind}=`)).map((text) => text.slice(kind.length + 1));
  const [codes, systems] = [valuesOf('code'), valuesOf('system')];
  if (codes.length + systems.length < where.length)
    throw new CliError(
      EXIT.usage,
      `Invalid --where ${JSON.stringify(where.find((text) => !/^(code|system)=/.test(text)))}`,
      'Pass code=CODE or system=NAME.',
    );
  return { ...(steps.length > 0 && { steps }), ...(codes.length > 0 && { codes }), ...(systems.length > 0 && { systems }) };
}
