import { relative } from 'node:path';
import type { Paint } from '../terminal/output.ts';
import type { CreatedSecrets, RunningUp } from './start.ts';

export function upText(running: RunningUp, paint: Paint): string {
  const database = running.ownerUrl !== undefined ? 'PostgreSQL in the folder' : 'PostgreSQL at DATABASE_URL';
  const events = running.brokers === undefined ? 'events over HTTP' : `events over HTTP and Kafka (${running.brokers.join(',')})`;
  const secrets = secretsText(running.created);
  return [
    `${paint('bold', `Recant is up at ${running.url}`)}\n  folder ${folderText(running.dir)}, ${database}, ${events}\n`,
    secrets === '' ? '' : `\n${secrets}`,
    '\nNext: `npx recant connect --help`, `npx recant actions tail`. Ctrl-C stops.\n',
  ].join('');
}

/** Printed once: the operator's key is saved in the folder, the password only as a hash, the agents' key only as a hash in the ledger. */
export function secretsText({ operatorKey, agentKey, password }: CreatedSecrets): string {
  const lines = [
    ...(operatorKey === undefined
      ? []
      : [`  operator  ${operatorKey}`, '            (saved in the folder; commands here and in subfolders use it)']),
    ...(agentKey === undefined ? [] : [`  agents    ${agentKey}`, '            (RECANT_API_KEY for the SDK; any agent name)']),
    ...(password === undefined ? [] : [`  password  ${password}`, '            (of the person `operator`; `recant password` resets it)']),
  ];
  return lines.length === 0 ? '' : ["Save these now; they won't be shown again:", ...lines, ''].join('\n');
}

function folderText(dir: string): string {
  const near = relative('', dir);
  return near === '' || near.startsWith('..') ? dir : near;
}
