import type { SettleInput } from '@recant/api';
import { tail as follow } from '@recant/client';
import { type Command, Option } from 'commander';
import { actionText, attemptRow, attemptsText, continuedText } from '../../render/attempt.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection, withReason } from '../../terminal/session.ts';
import { tableRow } from '../../terminal/table.ts';
import { nextPageText, type PageOptions, pageOf, wholeNumber, withPages } from '../options.ts';
import { type FilterOptions, filtersOf, withFilters } from '../selection.ts';
import { fullId } from '../short-id.ts';

const LIST_HELP = `
Examples:
  recant actions list --agent pricing-bot --window 10m
  recant actions list --resource "postgres://shop/public.orders/*" --outcome failed
  recant actions list --from 2026-11-23T10:00:00Z --to 2026-11-23T11:00:00Z --json`;

type ListOptions = CommonOptions & FilterOptions & PageOptions;

export function addActions(program: Command, world: World): void {
  const actions = program.command('actions').description('recorded actions of agents');
  withPages(withFilters(withConnection(actions.command('list').description('list attempts, newest first'))))
    .addHelpText('after', LIST_HELP)
    .action((options: ListOptions) => list(world, options));
  withConnection(
    actions
      .command('show')
      .description('show one action: attempts, events and effects')
      .argument('<action>', 'action id, from `recant actions list`'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  recant actions show 0193f0a2-7c1e-7b43-9a52-1b2c3d4e5f60\n\nMore than 4 MiB of events are read in pages; with --json each page is one object.',
    )
    .action((action: string, options: CommonOptions) => show(world, action, options));
  addSettle(actions, world);
  withFilters(withConnection(actions.command('tail').description('print attempts as they arrive, until Ctrl-C')))
    .addHelpText('after', '\nExample:\n  recant actions tail --agent pricing-bot')
    .action((options: ListOptions) => tail(world, options));
}

const SETTLE_HELP = `
For a payment, a mail or a call whose answer was lost: look it up in the target, then say what you found. Plans and lists use it from then on. If
the agent reports another outcome after all, the attempt is unknown again and shows both.

Examples:
  recant actions settle ACTION --as failed --reason "no charge for order 7 at the provider, asked at 10:14"
  recant actions settle ACTION --attempt 2 --as succeeded --reason "charge ch_123"`;

type SettleOptions = CommonOptions & { as: SettleInput['as']; attempt?: string; source?: string };

function addSettle(actions: Command, world: World): void {
  const command = actions.command('settle').description('settle an attempt whose outcome is unknown, by what you found in its target');
  withReason(withConnection(command.argument('<action>', 'action id, from `recant actions list --outcome unknown`')))
    .addOption(
      new Option('--as <outcome>', 'succeeded, or failed: it had no effect').choices(['succeeded', 'failed']).makeOptionMandatory(),
    )
    .option('--attempt <n>', 'attempt of the action (default: the only one that is unknown)')
    .option('--source <uri>', 'source of the attempt, if two used one action id')
    .addHelpText('after', SETTLE_HELP)
    .action(async (short: string, options: SettleOptions) => {
      if (options.reason === undefined) throw new CliError(EXIT.usage, 'Settling needs a reason', 'Say what you found: --reason TEXT.');
      const session = await openSession(world, options);
      const attempt = wholeNumber('--attempt', options.attempt);
      const action = await fullId(session.client, ['action'], short);
      const { as, reason, source } = options;
      const settled = await session.client.settle(action, { as, reason, ...(attempt && { attempt }), ...(source && { source }) });
      world.out.write(session.json ? json(settled) : `Attempt ${settled.attempt} of action ${action}: ${settled.status}.\n`);
    });
}

async function list(world: World, options: ListOptions): Promise<void> {
  const session = await openSession(world, options);
  const page = await session.client.attempts(filtersOf(options, world.nowMs()), pageOf(options));
  if (session.json) return void world.out.write(json(page));
  world.out.write(attemptsText(page.items, session.paint));
  world.err.write(nextPageText(page.next, options));
}

async function show(world: World, short: string, options: CommonOptions): Promise<void> {
  const session = await openSession(world, options);
  const action = await fullId(session.client, ['action'], short);
  // Page by page, so that an action of any size needs little memory.
  for (let page = await session.client.action(action), isFirst = true; ; isFirst = false) {
    const text = isFirst ? actionText(page, session.paint) : continuedText(page, session.paint);
    world.out.write(session.json ? json(page) : text);
    if (page.next === undefined) break;
    page = await session.client.action(action, { cursor: page.next });
  }
}

/** Prints an attempt when it arrives, and again when its state changes. With --json, one object a line. */
async function tail(world: World, options: ListOptions): Promise<void> {
  const session = await openSession(world, options);
  const { from, to, ...filters } = filtersOf(options, world.nowMs());
  if (from !== undefined || to !== undefined)
    throw new CliError(
      EXIT.usage,
      'actions tail prints new attempts only; a window does not apply',
      'Leave out --window, --since, --from and --to, or use `recant actions list`.',
    );
  for await (const attempt of follow(session.client, filters, { signal: world.signal })) {
    world.out.write(`${session.json ? JSON.stringify(attempt) : tableRow(attemptRow(attempt), session.paint)}\n`);
  }
}
