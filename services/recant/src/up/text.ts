import { relative } from 'node:path';
import type { Paint } from '../terminal/output.ts';
import type { RunningUp } from './start.ts';

/** What a person reads when it is up. The keys stand here once and nowhere else but in the folder's own file, the password nowhere else. */
export function upText(running: RunningUp, paint: Paint): string {
  const database = running.ownerUrl !== undefined ? 'PostgreSQL in the folder' : 'PostgreSQL of DATABASE_URL';
  const events = running.brokers === undefined ? 'events over HTTP' : `events over HTTP and Kafka (${running.brokers.join(',')})`;
  const lines = [`${paint('bold', `Recant is up at ${running.url}`)}`, `  folder ${folderWords(running.dir)}, ${database}, ${events}`];
  if (running.made || running.password !== undefined) lines.push('', 'Made now and shown once:');
  if (running.made) {
    if (running.made.operatorKey !== undefined)
      lines.push(`  operator  ${running.made.operatorKey}`, '            (kept in the folder: commands in this directory use it)');
    if (running.made.agentKey !== undefined)
      lines.push(`  agents    ${running.made.agentKey}`, '            (RECANT_API_KEY for the SDK; any agent name)');
  }
  if (running.password !== undefined)
    lines.push(`  password  ${running.password}`, '            (of the person `operator`; `recant password` makes another)');
  lines.push('', 'Next: `npm run recant -- connect --help`, `npm run recant -- actions tail`. Ctrl-C stops.');
  return `${lines.join('\n')}\n`;
}

function folderWords(dir: string): string {
  const near = relative('', dir);
  return near === '' || near.startsWith('..') ? dir : near;
}
