import type { SourceBody, SourcePage, SourceTotals } from '@recant/api';
import type { Command } from 'commander';
import { type Cell, json, type Paint, printable, table } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { clockTime } from '../../terminal/time.ts';
import { limitOf } from '../options.ts';

const HELP = `
Each source numbers its events from 1 without leaving one out. A hole is a number for which nothing came; late is what came after a higher number;
twice is a number with two events, other a known id with other content (see the dead letters). A source is lost when it is silent for longer than it
said it would be.

Examples:
  recant sources
  recant sources --gaps
  recant sources --totals
  recant sources --gaps --json`;

type SourceOptions = CommonOptions & { gaps?: boolean; totals?: boolean; limit?: string; cursor?: string };

export function addSources(program: Command, world: World): void {
  withConnection(program.command('sources').description('producers of events: what is missing, late or said twice, and who fell silent'))
    .option('--gaps', 'only sources with something to look at, and which numbers are missing')
    .option('--totals', 'count over all sources too')
    .option('--limit <n>', 'how many (default 50, at most 500)')
    .option('--cursor <cursor>', 'go on after an earlier page (`next` of its --json)')
    .addHelpText('after', HELP)
    .action(async (options: SourceOptions) => {
      const session = await openSession(world, options);
      const page = await session.client.sources(
        { gaps: options.gaps === true, totals: options.totals === true },
        { limit: limitOf(options.limit), ...(options.cursor === undefined ? {} : { cursor: options.cursor }) },
      );
      if (session.json) return void world.out.write(json(page));
      world.out.write(sourcesText(page, options.gaps === true, session.paint));
      if (page.next !== undefined) world.err.write(`There is more: --cursor ${page.next}\n`);
    });
}

export function sourcesText({ items, totals }: SourcePage, gaps: boolean, paint: Paint): string {
  const empty = gaps ? 'No gaps.\n' : 'No sources.\n';
  const head = ['last heard', 'agent', 'state', 'events', 'holes', 'late', 'twice', 'other', 'source'];
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
  const more = holes > holesShown.length ? `, and ${holes - holesShown.length} ranges before` : '';
  return `${printable(source)}: ${missing} missing: ${ranges.join(', ')}${more}\n`;
}

function totalsLine({ sources, lost, restarts, missing, holes, late, repeated, equivocations }: SourceTotals): string {
  return `${sources} sources: ${lost} lost, ${restarts} restarted; ${missing} numbers missing in ${holes} holes, ${late} late, ${repeated} twice; ${equivocations} equivocations\n`;
}
