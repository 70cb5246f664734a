import type { ActPage } from '@recant/api';
import type { Client } from '@recant/client';
import type { Command } from 'commander';
import { actsText, withoutEnd } from '../../render/act.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { limitOf } from '../options.ts';

const HELP = `
Who used Recant itself, and for what: every request that changed something, plans, runs, exports, passwords, reads of sealed parts, and whom it refused.
One line tells an act from its order to its end, which are two entries. The entries are those of the log: what is listed here can be proved like anything else in it.

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
      world.out.write(actsText(page, session.paint, await endsOf(session.client, page)));
      if (page.next !== undefined) world.err.write(`There is more: --cursor ${page.next}\n`);
    });
}

/** Milliseconds after its order within which the end of an act is looked for. */
const END_MS_MAX = 60_000;
const ENDS_MAX = 500;

/** Ends that `--by` leaves out, as they name nobody, or that are on another page. */
async function endsOf(client: Client, page: ActPage): Promise<ActPage['items']> {
  const times = withoutEnd(page).map(({ receivedAt }) => Date.parse(receivedAt));
  if (times.length === 0) return [];
  const from = new Date(Math.min(...times)).toISOString();
  const to = new Date(Math.max(...times) + END_MS_MAX).toISOString();
  return (await client.acts({ from, to }, { limit: ENDS_MAX })).items;
}
