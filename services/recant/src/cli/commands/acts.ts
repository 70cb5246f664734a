import type { Command } from 'commander';
import { actsText } from '../../render/act.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { nextPageText, type PageOptions, pageOf, withPages } from '../options.ts';
import { type WindowOptions, windowOf, withWindow } from '../window.ts';

const HELP = `
The audit trail of Recant itself: every request that changed something, plans, runs, exports, password resets, reads of sealed parts, and
authorization failures. Acts are entries of the log and can be proved like any other entry. One row is one act: who, what, on what, why, with which
outcome. "pending": the act was recorded, its outcome was not, so that it may have taken effect. Identical refusals of one caller are counted together.

Examples:
  recant acts
  recant acts --window 24h --by person:ada@example.org
  recant acts --from 2026-11-23T10:00:00Z --to 2026-11-23T11:00:00Z --json`;

type ActOptions = CommonOptions & PageOptions & WindowOptions & { by?: string[] };

export function addActs(program: Command, world: World): void {
  withPages(
    withWindow(
      withConnection(program.command('acts').description('list acts of operators and authorization failures, newest first')).option(
        '--by <caller...>',
        'key id, person:SUBJECT or local:LOGIN',
      ),
    ),
  )
    .addHelpText('after', HELP)
    .action(async (options: ActOptions) => {
      const { by } = options;
      const window = windowOf(options, world.nowMs());
      const session = await openSession(world, options);
      const page = await session.client.acts({ ...(by && { by }), ...window }, pageOf(options));
      if (session.json) return void world.out.write(json(page));
      world.out.write(actsText(page, session.paint));
      world.err.write(nextPageText(page.next, options));
    });
}
