import type { ActPage } from '@recant/api';
import type { RecantEvent } from '@recant/events';
import type { Command } from 'commander';
import { CliError, EXIT } from '../exit.ts';
import { type Cell, json, type Paint, table } from '../output.ts';
import { clockTime } from '../resource-words.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../session.ts';
import { limitOf } from './actions.ts';

const HELP = `
Who used Recant itself, and for what: every request that changed something (once when it was ordered, once when it ended), plans, runs, exports, reads of
sealed parts, and whom it refused. The entries are those of the log: what is listed here can be proved like anything else in it.

Examples:
  recant acts
  recant acts --window 24h --by person:ada@example.org
  recant acts --from 2026-11-23T10:00:00Z --to 2026-11-23T11:00:00Z --json`;

type ActOptions = CommonOptions & { by?: string[]; window?: string; from?: string; to?: string; limit?: string; cursor?: string };

export function addActs(program: Command, world: World): void {
  withConnection(program.command('acts').description('what operators did with Recant, and whom it refused'))
    .option('--by <who...>', 'a key’s id, person:<subject> or local:<login>')
    .option('--window <duration>', 'the last 10m, 2h, 3d')
    .option('--from <time>', 'ISO 8601 with a zone, or how long ago')
    .option('--to <time>', 'as --from; not included')
    .option('--limit <n>', 'how many (default 50, at most 500)')
    .option('--cursor <cursor>', 'go on after an earlier page (`next` of its --json)')
    .addHelpText('after', HELP)
    .action(async (options: ActOptions) => {
      const { by, window, to, cursor } = options;
      if (window !== undefined && options.from !== undefined)
        throw new CliError(EXIT.usage, '--window and --from say the same', 'Give one of them.');
      const from = window ?? options.from;
      const session = await openSession(world, options);
      const page = await session.client.acts(
        { ...(by && { by }), ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) },
        { limit: limitOf(options.limit), ...(cursor === undefined ? {} : { cursor }) },
      );
      if (session.json) return void world.out.write(json(page));
      world.out.write(actsText(page, session.paint));
      if (page.next !== undefined) world.err.write(`There is more: --cursor ${page.next}\n`);
    });
}

export function actsText({ items }: ActPage, paint: Paint): string {
  if (items.length === 0) return 'Nothing fits.\n';
  const rows = items.map(({ receivedAt, event }): Cell[] => [
    clockTime(Date.parse(receivedAt)),
    ...wordsOf(event as unknown as RecantEvent),
  ]);
  return `${table(['recorded', 'who', 'what', 'came to', 'about'], rows, paint)}\n`;
}

function wordsOf(event: RecantEvent): Cell[] {
  switch (event.type) {
    case 'recant.act.ordered.v1':
      return [event.data.by, event.data.operation, 'ordered', aboutOf(event.data.target, event.data.act)];
    case 'recant.act.ended.v1':
      return ['', '', [event.data.outcome, event.data.code].filter(Boolean).join(': '), aboutOf(event.data.detail ?? {}, event.data.act)];
    case 'recant.authority.refused.v1':
      return [event.data.by ?? 'nobody known', event.data.operation, `refused: ${event.data.code}`, `${event.data.count} times`];
    case 'recant.plan.created.v1':
      return [event.data.by, 'plan', `${event.data.steps} steps, ${event.data.conflicts} conflicts`, event.data.plan];
    case 'recant.run.started.v1':
      return [event.data.by, 'run', 'started', event.data.run];
    case 'recant.run.finished.v1':
      return ['', 'run', event.data.fullyRestored ? 'fully restored' : 'not all of it restored', event.data.run];
    default:
      return ['', event.type, '', event.id];
  }
}

/** The last characters of the act's id tell which end belongs to which order. */
function aboutOf(about: object, act: string): string {
  const text = Object.keys(about).length === 0 ? '' : JSON.stringify(about);
  return `${text.length > 100 ? `${text.slice(0, 99)}…` : text} [${act.slice(-6)}]`.trim();
}
