import { ERROR_CODES } from '@recant/api';
import { redactorWith, rulesOf } from '@recant/redaction';
import { createLogger, maskSecrets } from '@recant/service';
import { expect, test } from 'vitest';
import { corpus } from '../../../test/secrets/corpus.ts';

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

test('no error advice matches a redaction rule', () => {
  const actions = Object.values(ERROR_CODES).map(({ action }) => action);
  expect(actions.map((action) => redactorWith(rulesOf({}), () => '***').text(action))).toEqual(actions);
  expect(actions.map(maskSecrets)).toEqual(actions);
});

/** Log lines as written. */
function logged(write: (log: ReturnType<typeof createLogger>) => void): string[] {
  const lines: string[] = [];
  write(createLogger({ name: 't', level: 'debug', destination: { write: (line) => void lines.push(line) } }));
  return lines;
}

const SECRETS = corpus().filter(({ kind }) => kind === 'secret');

test.for(SECRETS.flatMap((planted, index) => (planted.text === undefined ? [] : [[`${index} ${planted.rule}`, planted] as const])))(
  'a text and a line that hold %s are written with *** there',
  ([, { value, text = '' }]) => {
    const lines = logged((log) => log.error({ err: new Error(text), said: [text] }, text));
    for (const written of [maskSecrets(text), lines.join('')]) {
      expect(written).not.toContain(value);
      expect(written).toContain('***');
    }
    expect(lines.map((line) => Object.keys(JSON.parse(line)))).toEqual([['level', 'time', 'name', 'err', 'said', 'msg']]);
  },
);

test.for(SECRETS.flatMap((planted, index) => (planted.key === undefined ? [] : [[`${index} ${planted.key}`, planted] as const])))(
  'a member called %s is written as ***, however deep',
  ([, { value, key = '' }]) => {
    const text = logged((log) => log.info({ a: { b: [{ c: { [key]: value } }] } })).join('');
    expect(text).not.toContain(value);
    expect(text).toContain(`"${key}":"***"`);
  },
);

test.each([
  '0193f0a2-7c1e-7b43-9a52-1b2c3d4e5f60',
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
  'recant://bot/0193f0a2-7c1e-7b43-9a52-1b2c3d4e5f60#17/intended',
  'postgres://shop/public.orders/42',
  'https://db.example:5432/v1/plans/0193f0a2-7c1e-7b43-9a52-1b2c3d4e5f60?cursor=eyJ&limit=50',
  'https://s3.eu-central-1.amazonaws.com/bucket/ledger.example/acme/0/checkpoint',
  'ledger.example/log/acme/0\n1024\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  'witness.example+1a2b3c4d+AU0fcVFqMTlTVGdIWkpwUDhJZ3lQd0JxY2tYQ0h3aVdJ',
  'the secret of key abcd1234 is another one; there is no key abcd1234; key abcd1234 is revoked',
  'claim of the token 17 is lost, password_throttled, token_expired',
  'connect ECONNREFUSED 203.0.113.77:5432 by ada@example.com',
  '    at Store.append (file:///srv/recant/libs/store/src/append/append-events.ts:120:15)',
])('%s is no secret, and stays in logs', (text) => {
  expect(maskSecrets(text)).toBe(text);
  const [line = ''] = logged((log) => log.info({ text, token: '17', sha256: text, keyId: 'abcd1234' }, text));
  expect(JSON.parse(line)).toMatchObject({ text, token: '17', sha256: text, keyId: 'abcd1234', msg: text });
});

test('a line stays one valid JSON line, and a duplicate member hides no secret', () => {
  const endless = ["password 'oops", 'secret = "oops', '-----BEGIN PRIVATE KEY-----\noops', 'authorization: oops'];
  for (const text of endless) {
    const [line = '', more] = logged((log) => log.info({ text, after: 'stays' }, 'said'));
    expect(more).toBeUndefined();
    expect(line).toMatch(/^[^\n]+\n$/);
    expect(line).not.toContain('oops');
    expect(JSON.parse(line)).toMatchObject({ after: 'stays', msg: 'said' });
  }
  const twice = logged((log) => log.child({ target: 'postgres://u:hunter2@h/d' }).info({ target: 'other' })).join('');
  expect(twice).not.toContain('hunter2');
});

test('a secret in an error, its cause, its properties or a field never reaches the log', () => {
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
