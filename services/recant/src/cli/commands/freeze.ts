import type { FreezeBody, FreezeProgressBody, OrderFreezeBody } from '@recant/api';
import type { Client } from '@recant/client';
import type { Command } from 'commander';
import { freezeProgressText, freezesText, scopeText } from '../../render/freeze.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { nextPageText, type PageOptions, pageOf, withPages } from '../options.ts';
import { fullId } from '../short-id.ts';

const FREEZE_HELP = `
A freeze stops an agent from starting actions: each recorder of the SDK refuses them with the code \`frozen\`. Running actions go on, and are recorded
and settled. The command returns once the freeze is effective: every recorder has answered, or its lease (5 s by default) has expired. From then on
no frozen action starts. Exit code 5: not effective yet, or sources that record without the SDK's lease are open; nothing but the end of their
processes stops those.

Examples:
  recant freeze --agent pricing-bot --reason "wrong prices, incident 4711"
  recant freeze --session 8f2c --reason "loops" --for 2h
  recant freeze --all-agents --reason "incident 4711"`;
const FROZEN_HELP = `
Examples:
  recant frozen
  recant frozen FREEZE
  recant frozen --ended`;
const THAW_HELP = `
Examples:
  recant thaw --agent pricing-bot --reason "fixed in 2.3.1"
  recant thaw FREEZE --reason "fixed in 2.3.1"`;

type Scope = OrderFreezeBody['scope'];
interface ScopeOptions {
  readonly agent?: string;
  readonly principal?: string;
  readonly session?: string;
  readonly tool?: string;
  readonly allAgents?: boolean;
}
type FreezeOptions = CommonOptions & ScopeOptions & { readonly reason: string; readonly for?: string };
type ThawOptions = CommonOptions & ScopeOptions & { readonly reason: string };
type FrozenOptions = CommonOptions & PageOptions & { readonly ended?: boolean };

export function addFreeze(program: Command, world: World, exit: (code: number) => void): void {
  withConnection(withScope(program.command('freeze').description('stop an agent from starting actions')))
    .requiredOption('--reason <text>', 'why; recorded in the log, shown to the agent')
    .option('--for <duration>', 'end by itself after this time (2h, 1d), or at a time with a zone')
    .addHelpText('after', FREEZE_HELP)
    .action((options: FreezeOptions) => freeze(world, options, exit));
  withConnection(withScope(program.command('thaw').description('end a freeze').argument('[freeze]', 'freeze id, from `recant frozen`')))
    .requiredOption('--reason <text>', 'why; recorded in the log')
    .addHelpText('after', THAW_HELP)
    .action((id: string | undefined, options: ThawOptions) => thaw(world, id, options));
  withPages(
    withConnection(program.command('frozen').description('list freezes in force, newest first').argument('[freeze]', 'show one freeze')),
  )
    .option('--ended', 'include freezes that have ended')
    .addHelpText('after', FROZEN_HELP)
    .action((id: string | undefined, options: FrozenOptions) => frozen(world, id, options));
}

function withScope(command: Command): Command {
  return command
    .option('--agent <name>', 'actions of this agent')
    .option('--principal <name>', 'actions on behalf of this person or system')
    .option('--session <id>', 'actions of this session')
    .option('--tool <name>', 'actions of this tool, by any agent')
    .option('--all-agents', 'all actions of this tenant');
}

async function freeze(world: World, options: FreezeOptions, exit: (code: number) => void): Promise<void> {
  const target = targetOf(options);
  if (target === undefined)
    throw new CliError(EXIT.usage, 'Name what to freeze', 'Pass --agent, --principal, --session, --tool or --all-agents.');
  const { client, json: asJson, paint } = await openSession(world, options);
  if (!asJson) world.err.write(`Freezing ${scopeText(target)}...\n`);
  const expires = options.for === undefined ? {} : { expires: options.for };
  const ordered = await client.freeze({ ...target, ...expires, reason: options.reason });
  world.out.write(asJson ? json(ordered) : freezeProgressText(ordered, paint, await runningText(client, target)));
  if (!isEffective(ordered)) exit(EXIT.notFullyRestored);
}

const isEffective = ({ effectiveAt, unleased }: FreezeProgressBody): boolean => effectiveAt !== undefined && unleased.count === 0;

/** Actions in flight: they go on, and are settled. Nobody can filter them by principal. */
async function runningText(client: Pick<Client, 'attempts'>, { scope, value }: Pick<FreezeBody, 'scope' | 'value'>): Promise<string> {
  if (scope === 'principal') return '';
  const filter = scope === 'tenant' || value === undefined ? {} : { [scope]: [value] };
  const running = await client.attempts({ ...filter, outcome: ['open'] }, { limit: 100 });
  if (running.items.length === 0) return 'No action is running.\n';
  const count = running.next === undefined ? `${running.items.length}` : 'More than 100';
  const option = value === undefined ? '' : ` --${scope} ${JSON.stringify(value)}`;
  return `${count} running, which go on: recant actions list${option} --outcome open\n`;
}

async function thaw(world: World, id: string | undefined, options: ThawOptions): Promise<void> {
  const target = targetOf(options);
  if ((id === undefined) === (target === undefined))
    throw new CliError(EXIT.usage, 'Name one freeze', 'Pass its id, or one of --agent, --principal, --session, --tool or --all-agents.');
  const { client, json: asJson, paint } = await openSession(world, options);
  const freeze = await (id === undefined ? findFreeze(client, target as Target) : fullId(client, ['freeze'], id));
  const ended = await client.thaw(freeze, options.reason);
  world.out.write(asJson ? json(ended) : freezesText([ended], paint));
}

async function findFreeze(client: Pick<Client, 'freezes'>, { scope, value }: Target): Promise<string> {
  for (let cursor: string | undefined; ; ) {
    const page = await client.freezes({}, cursor === undefined ? {} : { cursor });
    const found = page.items.find((one) => one.scope === scope && one.value === value);
    if (found !== undefined) return found.freeze;
    if (page.next === undefined) break;
    cursor = page.next;
  }
  throw new CliError(
    EXIT.refused,
    `${scopeText({ scope, ...(value === undefined ? {} : { value }) })} is not frozen`,
    'List the freezes in force: recant frozen',
  );
}

async function frozen(world: World, id: string | undefined, options: FrozenOptions): Promise<void> {
  const { client, json: asJson, paint } = await openSession(world, options);
  if (id !== undefined) {
    const progress = await client.freezeProgress(await fullId(client, ['freeze'], id));
    return void world.out.write(asJson ? json(progress) : freezeProgressText(progress, paint, ''));
  }
  const page = await client.freezes({ all: options.ended === true }, pageOf(options));
  if (asJson) return void world.out.write(json(page));
  world.out.write(page.items.length === 0 ? 'Nothing is frozen.\n' : freezesText(page.items, paint));
  world.err.write(nextPageText(page.next, options));
}

type Target = { readonly scope: Scope; readonly value?: string };

/** @throws CliError for more than one */
function targetOf({ agent, principal, session, tool, allAgents }: ScopeOptions): Target | undefined {
  const named = Object.entries({ agent, principal, session, tool }).filter((entry): entry is [Scope, string] => entry[1] !== undefined);
  const targets: Target[] = [...named.map(([scope, value]) => ({ scope, value })), ...(allAgents ? [{ scope: 'tenant' as const }] : [])];
  if (targets.length > 1) throw new CliError(EXIT.usage, 'More than one target: a freeze has one', 'Run the command once for each.');
  return targets[0];
}
