import { createLogger, maskSecrets } from '@recant/service';
import { expect, test } from 'vitest';

const KEY = `recant_abcd1234_${'Az09_-'.repeat(8).slice(0, 43)}`;

test.each([
  ['postgres://recant:hunter2@db.example:5432/recant', 'postgres://recant:***@db.example:5432/recant'],
  [
    'cannot reach postgresql://u:hunter2@h/d?sslmode=verify-full, and kafka',
    'cannot reach postgresql://u:***@h/d?sslmode=verify-full, and kafka',
  ],
  ['postgres://h/d?user=u&password=hunter2&sslmode=disable', 'postgres://h/d?user=u&password=***&sslmode=disable'],
  [`no key ${KEY} here`, 'no key recant_abcd1234_*** here'],
  [`authorization: Bearer ${KEY}`, 'authorization: Bearer ***'],
  ['Basic aHVudGVyMjpodW50ZXIy', 'Basic ***'],
  ['https://db.example:5432/path and 12:30:01 a:b@c', 'https://db.example:5432/path and 12:30:01 a:b@c'],
  ['Bearer of news', 'Bearer of news'],
])('%s is written as %s', (text, masked) => {
  expect(maskSecrets(text)).toBe(masked);
});

test('a secret in an error, its cause, its properties or a field never gets into a line of the log', () => {
  const lines: string[] = [];
  const log = createLogger({ name: 't', level: 'debug', destination: { write: (line) => void lines.push(line) } });
  const url = 'postgres://recant:hunter2@db.example/recant';
  const err = Object.assign(new Error(`connect ${url}`, { cause: new Error(`with ${KEY}`) }), {
    config: { connectionString: url },
    password: 'hunter2',
  });
  log.error({ err, headers: { authorization: `Bearer ${KEY}` }, databaseUrl: url, nested: { secret: 'hunter2' } }, `failed at ${url}`);
  log.child({ target: url }).info('child');
  const text = lines.join('');
  expect(text).not.toMatch(/hunter2|Az09/);
  expect(text).toContain('db.example');
  expect(lines.every((line) => JSON.parse(line).name === 't')).toBe(true);
});
