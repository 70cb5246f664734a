import { expect, test } from 'vitest';
import { ALARM_CODES } from '../../libs/api/src/index.ts';
import { readText } from './repository.ts';

test('docs/webhooks.md has every alarm with its title and subject, and no other', () => {
  const listed = [...readText('docs/webhooks.md').matchAll(/^\| `([a-z_]+)` \| (.+) \| (.+) \|$/gm)].map((row) => row.slice(1, 4));
  const alarms = listed.filter(([, title]) => !/^\W|^all$/.test(title ?? ''));
  expect(alarms).toEqual(Object.entries(ALARM_CODES).map(([code, { title, subject }]) => [code, title, subject]));
});
