import { tail as follow } from '@recant/client';
import type { Command } from 'commander';
import { actionText, attemptRow, attemptsText } from '../../render/attempt.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { LIMIT_DEFAULT, limitOf } from '../options.ts';
import { type FilterOptions, filtersOf, withFilters } from '../selection.ts';

type ListOptions = CommonOptions & FilterOptions & { limit?: string; cursor?: string; all?: boolean };

export function addActions(program: Command, world: World): void {
  const actions = program.command('actions').description('what agents did: list, show, tail');
  withFilters(withConnection(actions.command('list').description('attempts, newest first')))
    .option('--limit <n>', `how many (default ${LIMIT_DEFAULT}, at most 500)`)
    .option('--cursor <cursor>', 'go on after an earlier page (`next` of its --json)')
    .addHelpText(
      'after',
      '\nExamples:\n  recant actions list --agent pricing-bot --window 10m\n  recant actions list --resource "postgres://shop/public.orders/*" --outcome failed\n  recant actions list --from 2026-11-23T10:00:00Z --to 2026-11-23T11:00:00Z --json',
    )
    .action((options: ListOptions) => list(world, options));
  withConnection(
    actions.command('show').description('one action: its attempts, events and effects').argument('<action>', 'its id, as `list` shows it'),
  )
    .addHelpText('after', '\nExample:\n  recant actions show 0193f0a2-7c1e-7b43-9a52-1b2c3d4e5f60')
    .action((action: string, options: CommonOptions) => show(world, action, options));
  withFilters(withConnection(actions.command('tail').description('attempts as they come in, until Ctrl-C')))
    .addHelpText('after', '\nExample:\n  recant actions tail --agent pricing-bot')
    .action((options: ListOptions) => tail(world, options));
}

async function list(world: World, options: ListOptions): Promise<void> {
  const session = await openSession(world, options);
  const limit = limitOf(options.limit);
  const page = await session.client.attempts(filtersOf(options, world.nowMs()), {
    limit,
    ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
  });
  if (session.json) return void world.out.write(json(page));
  world.out.write(attemptsText(page.items, session.paint));
  if (page.next !== undefined) world.err.write(`There is more: --limit ${Math.min(limit * 4, 500)}, or --cursor ${page.next}\n`);
}

async function show(world: World, action: string, options: CommonOptions): Promise<void> {
  const session = await openSession(world, options);
  const found = await session.client.action(action);
  world.out.write(session.json ? json(found) : actionText(found, session.paint));
}

/** An attempt is told when it comes in, and again when its state changes. */
async function tail(world: World, options: ListOptions): Promise<void> {
  const session = await openSession(world, options);
  const { from, to, ...filters } = filtersOf(options, world.nowMs());
  if (from !== undefined || to !== undefined)
    throw new CliError(
      EXIT.usage,
      'tail shows what comes in from now on: it takes no window',
      'Leave --window, --from and --to out, or use `recant actions list`.',
    );
  for await (const attempt of follow(session.client, filters, { signal: world.signal })) {
    const line = session.json
      ? JSON.stringify(attempt)
      : attemptRow(attempt)
          .map((cell) => printable(String(cell)))
          .join('  ');
    world.out.write(`${line}\n`);
  }
}
