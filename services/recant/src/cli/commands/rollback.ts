import type { PlanMode, SelectionInput } from '@recant/api';
import type { Client } from '@recant/client';
import { type Command, Option } from 'commander';
import { ask, requireTerminal } from '../../terminal/ask.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { type CommonOptions, openSession, type Session, type World, withConnection, withReason } from '../../terminal/session.ts';
import { rateOf, several, wholeNumber } from '../options.ts';
import type { Flow, Given } from '../rollback/flow.ts';
import { type Found, findRollback } from '../rollback/resume.ts';
import { walk } from '../rollback/walk.ts';
import { type SelectionOptions, selectionOf, withFilters } from '../selection.ts';
import { durationOf, waitOf } from '../wait-for-record.ts';
import { ACCEPT_CLAIMED, DEADLINE_OPTION, FENCE_OPTION, RATE_OPTION } from './run.ts';

const APPROVAL_WAIT_MS_MAX = 86_400_000;
const HELP = `
Steps: freeze what is selected, wait until its actions have ended and are recorded, plan, wait for an approval where one is needed, run, print the
account, thaw. Each says what it found and asks with one key. Nothing is undone without an answer or --yes.
Without a terminal every answer is an option: --mode (conflicts), --accept-missing, --accept-running, --wait, --wait-approval, --break-glass, --rows,
--yes, --thaw.
Ctrl-C stops the command, not the freeze or the run: \`recant rollback --resume ID\` goes on, from any machine, with the id of the freeze, plan or run.
The account goes to stdout, everything else to stderr: \`recant rollback ... > ticket.txt\`.
Exit codes: 0 fully restored (with --accept-claimed also restored from claimed effects), 5 any other verdict, 3 stopped before anything was undone
(not frozen, conflicts, missing records, not approved, not confirmed, nothing to undo), 1 the run waits for a person, 130 Ctrl-C.

Examples:
  recant rollback --agent pricing-bot --since 2h
  recant rollback --agent pricing-bot --since 2h --reason "incident 4711" --mode skip --partial --yes --thaw
  recant rollback --where "principal = 'ann' and tool != 'lookup' and since 2h"
  recant rollback --agent pricing-bot --since 2h --fence 24h
  recant rollback --resume ID`;

type RollbackOptions = CommonOptions &
  SelectionOptions & {
    allTime?: boolean;
    resume?: string;
    mode?: PlanMode;
    partial?: boolean;
    cascadeReads?: boolean;
    acceptMissing?: string[];
    acceptRunning?: boolean;
    wait: string;
    waitApproval?: string;
    freeze: boolean;
    for?: string;
    fence?: string;
    deadline?: string;
    rate?: string;
    rows?: string;
    yes?: boolean;
    thaw?: boolean;
    breakGlass?: boolean;
    acceptClaimed?: boolean;
  };

export function addRollback(program: Command, world: World, exit: (code: number) => void): void {
  withFilters(withReason(withConnection(program.command('rollback').description('stop agents and undo what they did, step by step'))))
    .option('--all-time', 'select without a start')
    .option('--action <id>', 'action id', several)
    .option('--run <id>', 'run id, to undo a rollback', several)
    .option('--ambiguous <uri>', 'also undo ambiguous changes of this resource: a URI, exact or ending in *', several)
    .option('--where <condition>', "a condition: agent = 'x' and tool != 'y' and since 2h (see docs/cli.md, Selections)", several)
    .option('--resume <id>', 'go on with a rollback: the id of its freeze, plan or run')
    .addOption(new Option('--mode <mode>', 'how to treat conflicts').choices(['refuse', 'skip', 'cascade']))
    .option('--partial', 'let rows in conflict stay and undo the other rows of their attempts (modes skip and cascade)')
    .option('--cascade-reads', 'in mode cascade, also undo what others did after they read what is undone')
    .option('--wait <duration>', 'how long to wait for the freeze, for running actions and for the record', '10s')
    .option('--accept-missing <name>', 'plan without what this name of an earlier plan stands for', several)
    .option('--accept-running', 'go on although the freeze does not stop everything')
    .option('--wait-approval <duration>', 'how long to wait for an approval (at most 1d)')
    .option('--break-glass', 'run without the approval that the plan needs; an alarm is raised')
    .option('--no-freeze', 'do not freeze anything')
    .option('--for <duration>', 'end the freeze by itself after this time')
    .option('--fence <duration>', FENCE_OPTION)
    .option('--deadline <duration>', DEADLINE_OPTION)
    .option('--rate <n/s>', RATE_OPTION)
    .option('--rows <n>', 'confirm the number of rows and files that the run changes, where it is over the limit')
    .option('--yes', 'run without asking; a plan that became stale is made again')
    .option('--thaw', 'thaw once the run has ended')
    .option('--accept-claimed', ACCEPT_CLAIMED)
    .addHelpText('after', HELP)
    .action(async (options: RollbackOptions) => {
      const given = givenOf(options);
      exit(await walk(await (options.resume === undefined ? begin(world, options, given) : goOn(world, options, given, options.resume))));
    });
}

function givenOf(options: RollbackOptions): Given {
  const { mode, partial, cascadeReads, acceptMissing: accept, for: freezeFor, fence, deadline } = options;
  const rowsPerSecond = rateOf(options.rate);
  const rows = wholeNumber('--rows', options.rows);
  return {
    ...(mode && { mode }),
    ...(partial && { partial }),
    ...(cascadeReads && { cascadeReads }),
    ...(accept && { accept }),
    ...(freezeFor !== undefined && { freezeFor }),
    ...(fence !== undefined && { fence }),
    ...(deadline !== undefined && { deadline }),
    ...(rowsPerSecond !== undefined && { rowsPerSecond }),
    ...(rows !== undefined && { rows }),
    waitMs: waitOf(options.wait),
    approvalWaitMs: options.waitApproval === undefined ? 0 : durationOf('--wait-approval', options.waitApproval, APPROVAL_WAIT_MS_MAX),
    freezes: options.freeze,
    acceptRunning: options.acceptRunning === true,
    yes: options.yes === true,
    thaw: options.thaw === true,
    acceptClaimed: options.acceptClaimed === true,
  };
}

async function begin(world: World, options: RollbackOptions, given: Given): Promise<Flow> {
  const selection = boundedSelection(world, options);
  // Before the reason is asked for, and before a freeze of a misspelt name is in force.
  await requireKnown((await openSession(world, options)).client, selection);
  const reason = options.reason ?? (await askReason(world, given));
  const session = await openSession(world, { ...options, ...(reason !== undefined && { reason }) });
  return flowOf(world, session, given, reason, { selection, freezes: [], breakGlass: options.breakGlass === true });
}

async function goOn(world: World, options: RollbackOptions, given: Given, id: string): Promise<Flow> {
  const found = await findRollback((await openSession(world, options)).client, id);
  const reason =
    options.reason ?? found.reason ?? found.freezes[0]?.reason ?? (found.run === undefined ? await askReason(world, given) : undefined);
  const session = await openSession(world, { ...options, ...(reason !== undefined && { reason }) });
  const named = found.freezes[0];
  const agents = named?.scope === 'agent' && named.value !== undefined ? { agent: [named.value] } : {};
  const selection = found.selection ?? boundedSelection(world, { ...agents, ...options });
  return flowOf(world, session, given, reason, { ...found, selection, breakGlass: options.breakGlass === true });
}

function flowOf(
  world: World,
  session: Session,
  given: Given,
  reason: string | undefined,
  { selection, reason: _recorded, ...found }: Found & Pick<Flow, 'selection' | 'breakGlass'>,
): Flow {
  return { world, session, client: session.client, given, reason, interactive: world.input.isTTY === true, selection, ...found };
}

/** @throws ApiError `agent_unknown` */
async function requireKnown(client: Pick<Client, 'attempts'>, { agents = [] }: SelectionInput): Promise<void> {
  for (const agent of agents) await client.attempts({ agent: [agent] }, { limit: 1 });
}

/** A freeze needs a reason. */
async function askReason(world: World, { freezes }: Given): Promise<string | undefined> {
  if (!freezes) return undefined;
  requireTerminal(world, 'No reason for the freeze', 'Pass --reason TEXT, or --no-freeze.');
  const reason = await ask(world, 'Reason, recorded and shown to the agent: ');
  if (reason === '') throw new CliError(EXIT.usage, 'No reason for the freeze', 'Type one, pass --reason TEXT, or pass --no-freeze.');
  return reason;
}

/** A selection of everything that an agent ever did is hardly meant. @throws CliError `usage` */
function boundedSelection(world: World, options: RollbackOptions): SelectionInput {
  const { selection = {}, window } = selectionOf(options, world.nowMs());
  const { from: fromIso, to: toIso } = (window ?? {}) as { readonly from?: string; readonly to?: string };
  const bounds = ['sessions', 'traces', 'actions', 'runs', 'where'];
  if (fromIso === undefined && !options.allTime && !bounds.some((field) => field in (selection as object)))
    throw new CliError(EXIT.usage, 'Open window: the selection has no start', 'Pass --since 2h, or --all-time.');
  return {
    ...(selection as SelectionInput),
    ...(fromIso === undefined ? {} : { fromMs: Date.parse(fromIso) }),
    ...(toIso === undefined ? {} : { toMs: Date.parse(toIso) }),
  };
}
