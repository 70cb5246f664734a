import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { recantHere } from './process.ts';

test('every command has help with examples', async () => {
  for (const command of [
    [],
    ['up'],
    ['actions'],
    ['actions', 'list'],
    ['actions', 'show'],
    ['actions', 'settle'],
    ['actions', 'tail'],
    ['rollback'],
    ['plan'],
    ['run'],
    ['run', 'watch'],
    ['status'],
    ['sources'],
    ['freeze'],
    ['frozen'],
    ['thaw'],
    ['fence'],
    ['fence', 'allow'],
    ['fences'],
    ['unfence'],
    ['alarms'],
    ['alarms', 'acknowledge'],
    ['webhooks'],
    ['webhooks', 'test'],
    ['acts'],
    ['connect'],
    ['connect', 'postgres'],
    ['connect', 'filesystem'],
    ['disconnect'],
    ['systems'],
    ['keys'],
    ['keys', 'create'],
    ['keys', 'rotate'],
    ['keys', 'list'],
    ['keys', 'revoke'],
    ['demo'],
  ]) {
    const help = await recantHere(join(tmpdir(), 'no-folder-is-needed'), [...command, '--help']);
    expect(help.code, command.join(' ')).toBe(0);
    expect(help.out, command.join(' ')).toMatch(/Usage: recant/);
    if (!['actions', 'connect', 'keys', 'webhooks'].includes(command.join(' ')))
      expect(help.out, command.join(' ')).toMatch(/Examples?:\n/);
    expect(help.out).not.toContain('npx recant');
  }
});
