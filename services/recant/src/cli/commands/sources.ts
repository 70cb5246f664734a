import type { SourceBody, SourcePage, SourceTotals } from '@recant/api';
import type { Command } from 'commander';
import { count, json, type Paint, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { type Cell, table } from '../../terminal/table.ts';
import { clockTime } from '../../terminal/time.ts';
import { nextPageText, type PageOptions, pageOf, withPages } from '../options.ts';

const HELP = `
Each source numbers its events from 1 without gaps. Columns: gaps, ranges of numbers that are missing; late, events that arrived after a higher
number; duplicate, numbers with two events; equivocal, event ids sent again with other content (see the dead letters). A source is lost when it is
silent for longer than its lease.

Examples:
  recant sources
  recant sources --gaps
  recant sources --totals
  recant sources --gaps --json`;

type SourceOptions = CommonOptions & PageOptions & { gaps?: boolean; totals?: boolean };

export function addSources(program: Command, world: World): void {
  withPages(
    withConnection(program.command('sources').description('list event sources: missing, late and duplicate events; silent sources'))
      .option('--gaps', 'only sources with problems, and the missing numbers')
      .option('--totals', 'print totals over all sources too'),
  )
    .addHelpText('after', HELP)
    .action(async (options: SourceOptions) => {
      const session = await openSession(world, options);
      const page = await session.client.sources({ gaps: options.gaps === true, totals: options.totals === true }, pageOf(options));
      if (session.json) return void world.out.write(json(page));
      world.out.write(sourcesText(page, options.gaps === true, session.paint));
      world.err.write(nextPageText(page.next, options));
    });
}

export function sourcesText({ items, totals }: SourcePage, gaps: boolean, paint: Paint): string {
  const empty = gaps ? 'No gaps.\n' : 'No sources.\n';
  const head = ['last event', 'agent', 'state', 'events', 'gaps', 'late', 'duplicate', 'equivocal', 'source'];
  const body = items.length === 0 ? empty : `${table(head, items.map(sourceRow), paint)}\n`;
  const missing = gaps ? items.filter(({ holes }) => holes > 0).map(missingLine) : [];
  return body + missing.join('') + (totals === undefined ? '' : totalsLine(totals));
}

function sourceRow({ receivedAt, agent, state, events, holes, late, repeated, equivocations, source, restartOf }: SourceBody): Cell[] {
  const name = restartOf === undefined ? source : `${source} (restarted)`;
  return [clockTime(Date.parse(receivedAt)), agent, state, events, holes, late, repeated, equivocations, name];
}

/** `recant://a/1: 3 missing: 4, 7–8` */
function missingLine({ source, missing, holes, holesShown }: SourceBody): string {
  const ranges = holesShown.map(({ first, last }) => (first === last ? String(first) : `${first}–${last}`));
  const more = holes > holesShown.length ? `, and ${holes - holesShown.length} more ranges` : '';
  return `${printable(source)}: ${missing} missing: ${ranges.join(', ')}${more}\n`;
}

function totalsLine({ sources, lost, restarts, missing, holes, late, repeated, equivocations }: SourceTotals): string {
  return `${count(sources, 'source')}: ${lost} lost, ${restarts} restarted; ${missing} missing in ${count(holes, 'gap')}, ${late} late, ${repeated} duplicate; ${count(equivocations, 'equivocation')}\n`;
}
