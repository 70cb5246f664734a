import type { FenceBody } from '@recant/api';
import { ApiError, type Client } from '@recant/client';
import type { Command } from 'commander';
import { fencesText } from '../../render/fence.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { nextPageText, type PageOptions, pageOf, several, wholeNumber, withPages } from '../options.ts';
import { fullId } from '../short-id.ts';

const FENCE_HELP = `
A fence stops calls that repeat one that was undone: the same tool on the same declared resources, whatever the arguments; for calls that declare no
resources, the same tool and arguments. The SDK throws \`fenced\`, other producers get 409, the intent is recorded either way. It stops no call that differs, and
no process that bypasses its recorder: freeze those. \`recant rollback --fence 24h\` and \`recant run PLAN --fence 24h\` fence all that they undo.

Examples:
  recant fence ACTION --reason "undone in incident 4711"
  recant fence --tool delete_order --resource postgres://shop/public.orders/42 --reason "still needed" --for 7d
  recant fence allow FENCE --reason "checked with ann"`;
const ALLOW_HELP = `
The next call passes, whichever agent makes it; then the fence stops calls again.

Examples:
  recant fence allow FENCE --reason "checked with ann"`;
const FENCES_HELP = `
Examples:
  recant fences
  recant fences FENCE
  recant fences --run RUN
  recant fences --ended`;
const UNFENCE_HELP = `
Examples:
  recant unfence FENCE --reason "fixed in 2.3.1"
  recant unfence --run RUN --reason "fixed in 2.3.1"`;

type ReasonOptions = CommonOptions & { readonly reason: string };
type FenceOptions = ReasonOptions & {
  readonly attempt?: string;
  readonly tool?: string;
  readonly resource?: string[];
  readonly agent?: string;
  readonly for?: string;
};
type FencesOptions = CommonOptions & PageOptions & { readonly ended?: boolean; readonly run?: string };
type UnfenceOptions = ReasonOptions & { readonly run?: string };

export function addFence(program: Command, world: World): void {
  const fence = program
    .command('fence')
    .description('stop the repetition of a call')
    .argument('[action]', 'action whose call must not be repeated');
  withReason(withConnection(fence))
    .option('--attempt <n>', 'attempt of the action (default: the last one)')
    .option('--tool <name>', 'instead of an action: the tool')
    .option('--resource <uri>', 'with --tool: each resource that its calls declare', several)
    .option('--agent <name>', 'only calls of this agent')
    .option('--for <duration>', 'end by itself after this time (2h, 1d), or at a time with a zone (default 24h)')
    .addHelpText('after', FENCE_HELP)
    .action((action: string | undefined, options: FenceOptions) => setFence(world, action, options));
  withConnection(fence.command('allow').description('let one repetition through').argument('<fence>', 'fence id, from `recant fences`'))
    // Required by `fence`, which has options of the same names and takes them wherever they stand.
    .option('--reason <text>', REASON)
    .addHelpText('after', ALLOW_HELP)
    .action(async (short: string, _own: ReasonOptions, command: Command) => {
      const options = command.optsWithGlobals<ReasonOptions>();
      const { client, json: asJson, paint } = await openSession(world, options);
      const allowed = await client.allowFenced(await fullId(client, ['fence'], short), options.reason);
      world.out.write(asJson ? json(allowed) : fencesText([allowed], paint));
    });
  withPages(
    withConnection(program.command('fences').description('list fences in force, newest first').argument('[fence]', 'show one fence')),
  )
    .option('--ended', 'include fences that have ended')
    .option('--run <id>', 'fences that this run set')
    .addHelpText('after', FENCES_HELP)
    .action((short: string | undefined, options: FencesOptions) => fences(world, short, options));
  withReason(withConnection(program.command('unfence').description('end a fence').argument('[fence]', 'fence id, from `recant fences`')))
    .option('--run <id>', 'end all fences that this run set')
    .addHelpText('after', UNFENCE_HELP)
    .action((short: string | undefined, options: UnfenceOptions) => unfence(world, short, options));
}

const REASON = 'why; recorded in the log';
const withReason = (command: Command): Command => command.requiredOption('--reason <text>', REASON);

async function setFence(world: World, action: string | undefined, options: FenceOptions): Promise<void> {
  const { tool, resource, agent, reason, for: expires } = options;
  if (
    (action === undefined) !== (tool !== undefined && resource !== undefined) ||
    (action !== undefined && (tool ?? resource) !== undefined)
  )
    throw new CliError(EXIT.usage, 'Name one call', 'Pass the id of an action, or --tool and each --resource that its calls declare.');
  const attempt = wholeNumber('--attempt', options.attempt);
  const { client, json: asJson, paint } = await openSession(world, options);
  const call = action === undefined ? { tool, resources: resource } : { action: await fullId(client, ['action'], action), attempt };
  const set = await client.fence({ ...call, agent, reason, expires });
  world.out.write(asJson ? json(set) : fencesText([set], paint));
}

async function fences(world: World, short: string | undefined, options: FencesOptions): Promise<void> {
  const { client, json: asJson, paint } = await openSession(world, options);
  if (short !== undefined) {
    const found = await client.showFence(await fullId(client, ['fence'], short));
    return void world.out.write(asJson ? json(found) : fencesText([found], paint));
  }
  const run = options.run === undefined ? {} : { run: await fullId(client, ['run'], options.run) };
  const page = await client.fences({ all: options.ended === true, ...run }, pageOf(options));
  if (asJson) return void world.out.write(json(page));
  world.out.write(page.items.length === 0 ? 'No call is fenced.\n' : fencesText(page.items, paint));
  world.err.write(nextPageText(page.next, options));
}

async function unfence(world: World, short: string | undefined, options: UnfenceOptions): Promise<void> {
  if ((short === undefined) === (options.run === undefined))
    throw new CliError(EXIT.usage, 'Name one fence', 'Pass its id, from `recant fences`, or --run RUN.');
  const { client, json: asJson, paint } = await openSession(world, options);
  if (short !== undefined) {
    const ended = await client.endFence(await fullId(client, ['fence'], short), options.reason);
    return void world.out.write(asJson ? json(ended) : fencesText([ended], paint));
  }
  const ended = await unfenceRun(client, await fullId(client, ['run'], options.run as string), options.reason);
  world.out.write(asJson ? json({ items: ended }) : `${ended.length === 0 ? 'No call is fenced.\n' : fencesText(ended, paint)}`);
}

/** Another operator may end some of them meanwhile. */
async function unfenceRun(client: Client, run: string, reason: string): Promise<readonly FenceBody[]> {
  const ended: FenceBody[] = [];
  for (;;) {
    const { items } = await client.fences({ run }, { limit: 500 });
    if (items.length === 0) return ended;
    for (const { fence } of items) {
      const one = await client.endFence(fence, reason).catch((error: unknown) => {
        if (!(error instanceof ApiError) || error.code !== 'fence_ended') throw error;
      });
      if (one !== undefined) ended.push(one);
    }
  }
}
