import { randomBytes } from 'node:crypto';
import { createRedactor, type RedactionOptions, rulesOf } from '@recant/redaction';
import { expect, test } from 'vitest';
import { corpus } from '../../../test/secrets/corpus.ts';

const redactorOf = (options: RedactionOptions = {}) => createRedactor(rulesOf(options), (bytes) => new Uint8Array(randomBytes(bytes)));
const PLANTED = corpus();
const maskOf = (rule: string): RegExp => new RegExp(`\\[${rule}#[0-9a-f]{8}\\]`);

test('the corpus has at least sixty values, all different', () => {
  expect(new Set(PLANTED.map(({ value }) => value)).size).toBe(PLANTED.length);
  expect(PLANTED.length).toBeGreaterThan(60);
});

test.for(PLANTED.flatMap((planted, index) => (planted.text === undefined ? [] : [[`${index} ${planted.rule}`, planted] as const])))(
  'a text does not keep %s',
  ([, { rule, kind, value, text = '' }]) => {
    expect(text).toContain(value);
    const { text: mask } = redactorOf({ personal: kind === 'personal' });
    const masked = mask(text);
    expect(masked).not.toContain(value);
    expect(masked).toMatch(maskOf(rule));
    // The surrounding text is unchanged.
    expect(masked.slice(0, 4)).toBe(text.startsWith(value) ? masked.slice(0, 4) : text.slice(0, 4));
  },
);

test.for(PLANTED.flatMap((planted, index) => (planted.key === undefined ? [] : [[`${index} ${planted.key}`, planted] as const])))(
  'a member called %s does not keep its value',
  ([, { kind, value, key = '' }]) => {
    const { json } = redactorOf({ personal: kind === 'personal' });
    const redacted = JSON.stringify(json({ a: [{ [key]: value, other: 'stays' }] }, 'arguments').value);
    expect(redacted).not.toContain(value);
    expect(redacted).toContain(key);
    expect(redacted).toContain('stays');
  },
);

/** Texts escaped into other texts. */
const INSIDE: Readonly<Record<string, (members: Readonly<Record<string, string>>) => string>> = {
  json: (members) => JSON.stringify(members),
  'json in json': (members) => JSON.stringify({ body: JSON.stringify(members) }),
  'json in json in json': (members) => JSON.stringify([JSON.stringify({ body: JSON.stringify(members) })]),
  'a statement of SQL': (members) => `UPDATE x SET ${assignments(members)} WHERE id = 7`,
  'SQL in SQL': (members) => `EXECUTE 'UPDATE x SET ${assignments(members).replaceAll("'", "''")}'`,
};
const assignments = (members: Readonly<Record<string, string>>): string =>
  Object.entries(members)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`)
    .join(', ');

test.for(
  PLANTED.flatMap((planted, index) =>
    Object.entries(INSIDE).map(([name, put]) => [`${index} ${planted.rule}`, name, planted, put] as const),
  ),
)('%s does not stay in %s', ([, , { kind, value, text, key }, put]) => {
  const members = { ...(text === undefined ? {} : { text }), ...(key === undefined ? {} : { [key]: value }) };
  expect(redactorOf({ personal: kind === 'personal' }).text(put(members))).not.toContain(value);
});

/** Everyday texts of agents. */
const HARMLESS = [
  'Reprice the summer collection by ten percent; see https://example.com/a/b?c=d&page=2 and src/components/Header.tsx',
  '0193f0a2-7c1e-7b43-9a52-1b2c3d4e5f60',
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  'da39a3ee5e6b4b0d3255bfef95601890afd80709',
  'SELECT id, password_hash FROM users WHERE password = $1 AND token = :token',
  'const secret = process.env.SECRET; type Credentials = { password: string; apiKey?: string }',
  'nextPageToken and max_tokens: 4096, then Basic training for the bearer of this letter',
  '12 tests, pass: 11; second pass: done; bypass = on; [pass=true]',
  'postgres://shop/public.orders/42 at http://localhost:18080/health',
  '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
  '1764201600000 2026-11-26T12:00:00.000Z 4.5e10 v1.2.3 #1234',
];

test('text without secrets is returned by identity', () => {
  const { json } = redactorOf();
  const value = {
    texts: HARMLESS,
    tokens: 4096,
    token: 'next',
    password: null,
    secret: '',
    auth: true,
    nested: { signature: 'of the author' },
  };
  expect(json(value, 'arguments').value).toBe(value);
});

test('personal values are unchanged by default', () => {
  const value = { texts: PLANTED.filter(({ kind, text }) => kind === 'personal' && text !== undefined).map(({ text = '' }) => text) };
  expect(redactorOf().json(value, 'arguments').value).toBe(value);
});

test('names without a value are unchanged', () => {
  const texts = [
    'SELECT email, phone FROM customer WHERE email = $1 AND phone = :phone',
    'the street to the left; a street of houses; mobile first; the surname comes last',
    'type Customer = { email: string; phone?: string | null }',
    'domain: x, subnin = y',
  ];
  const { json } = redactorOf({ personal: true });
  const value = { texts };
  expect(json(value, 'arguments').value).toBe(value);
});

test('numbers match only with a valid check digit', () => {
  const { text } = redactorOf({ personal: true, except: ['phone'] });
  const wrong = [
    '4111 1111 1111 1112',
    'DE88370400440532013000',
    '86095742718',
    '12345678A',
    'MRTMTT91D08F205K',
    '529.982.247-26',
    '756.9217.0769.84',
  ];
  for (const each of [...wrong, '2 55 08 14 168 025 39', '1.2.3.4.5', '12:30:45', '999.1.1.1']) expect(text(`(${each})`)).toBe(`(${each})`);
});

test('a number in arguments is scanned like its digits', () => {
  const { json } = redactorOf({ personal: true });
  expect(json({ pan: 4_111_111_111_111_111, count: 7 }, 'arguments').value).toEqual({
    pan: expect.stringMatching(maskOf('payment-card')),
    count: 7,
  });
});

test('a mask contains the rule and a fingerprint, equal for equal values in one redactor and different in another', () => {
  const [one, other] = [redactorOf(), redactorOf()];
  const twice = one.json({ a: { password: 'x' }, b: { password: 'x' }, c: { password: 'y' } }, 'arguments').value as Record<
    string,
    { password: string }
  >;
  expect(twice.a?.password).toBe(twice.b?.password);
  expect(twice.a?.password).not.toBe(twice.c?.password);
  expect(twice.a?.password).not.toBe((other.json({ a: { password: 'x' } }, 'arguments').value as typeof twice).a?.password);
});

test('values under a secret name are masked at any depth, and placeholders are unchanged', () => {
  const { json } = redactorOf();
  const { value } = json({ credentials: { user: 'grace', keys: ['k1', 2, null, true, ''] } }, 'arguments');
  expect(value).toEqual({
    credentials: { user: expect.stringMatching(maskOf('secret-field')), keys: [expect.any(String), expect.any(String), null, true, ''] },
  });
  expect(JSON.stringify(value)).not.toMatch(/grace|k1/);
});

test('a value is recognised by the name in the same object, and by the option before it', () => {
  const { json } = redactorOf({ personal: true });
  const given = {
    env: [
      { name: 'DB_PASSWORD', value: 'hunter2' },
      { Name: 'lastName', Value: 'Lovelace' },
      { name: 'LOG_LEVEL', value: 'debug' },
    ],
    argv: ['psql', '--password', 'hunter2', '--secret', '--verbose', '--user', 'app'],
    auth: { user: 'app', pass: 'hunter2' },
    password1: 'hunter2',
    password_confirmation: 'hunter2',
    results: { pass: 12, passed: 'all' },
  };
  const { value } = json(given, 'arguments');
  expect(JSON.stringify(value)).not.toMatch(/hunter2|Lovelace/);
  expect(value).toMatchObject({
    env: [{ name: 'DB_PASSWORD' }, { Name: 'lastName' }, { name: 'LOG_LEVEL', value: 'debug' }],
    argv: ['psql', '--password', expect.stringMatching(maskOf('secret-field')), '--secret', '--verbose', '--user', 'app'],
    auth: { user: 'app' },
    results: { pass: 12, passed: 'all' },
  });
});

test('a long quoted value is scanned for names and values inside it', () => {
  const { text } = redactorOf();
  const words = 'see the page of the vendor for where this comes from and for whom it is good, and then say '.repeat(2);
  const secret = 'abcDEF123456ghiJKL789';
  for (const given of [`export TOKEN="$(${words} api_key=${secret})"`, `signature='${words} token=${secret}'`])
    expect(text(given)).toMatch(/(?:api_key|token)=\[token#[0-9a-f]{8}\]/);
});

test('each of several adjacent numbers matches', () => {
  const { text } = redactorOf({ personal: true });
  expect(text('4111 1111 1111 1111 5555 5555 5555 4444')).toMatch(/^\[payment-card#.{8}\] \[payment-card#.{8}\]$/);
  expect(text('DE89 3704 0044 0532 0130 00 GB29 NWBK 6016 1331 9268 19')).toMatch(/^\[iban#.{8}\] \[iban#.{8}\]$/);
});

test('member names are scanned too', () => {
  const secret = `${'gh'}p_${'a1'.repeat(18)}`;
  const { value } = redactorOf().json({ [secret]: { __proto__: 1, x: 1 } }, 'arguments');
  expect(Object.keys(value)).toEqual([expect.stringMatching(maskOf('github-token'))]);
});

test('a path rule matches exactly that path', () => {
  const rules = [
    { name: 'note', matches: { path: '$.items[*].note' }, treat: 'mask' },
    { name: 'quoted', matches: { path: '$["a b"][1]' }, treat: 'mask' },
  ] as const;
  const { json } = redactorOf({ rules });
  const given = { items: [{ note: { deep: [1] }, id: 1 }, { note: false }], note: 'stays', 'a b': ['stays', 'goes'] };
  expect(json(given, 'arguments').value).toEqual({
    items: [{ note: expect.stringMatching(maskOf('note')), id: 1 }, { note: expect.stringMatching(maskOf('note')) }],
    note: 'stays',
    'a b': ['stays', expect.stringMatching(maskOf('quoted'))],
  });
  const whole = redactorOf({ rules: [{ name: 'all', matches: { path: '$' }, treat: 'mask' }] }).json({ x: 1 }, 'arguments').value;
  expect(whole).toEqual({ value: expect.stringMatching(maskOf('all')) });
});

test('custom patterns come first, mask their group or the whole match, and keep their lastIndex', () => {
  const pattern = /ticket-(\d+)/gi;
  const { text } = redactorOf({
    rules: [
      { name: 'ticket', matches: { pattern }, treat: 'mask' },
      { name: 'word', matches: { pattern: /swordfish/y }, treat: 'mask' },
    ],
  });
  expect(text('TICKET-17 and ticket-18, swordfish')).toMatch(/^TICKET-\[ticket#.{8}\] and ticket-\[ticket#.{8}\], \[word#.{8}\]$/);
  expect(pattern.lastIndex).toBe(0);
  expect(redactorOf({ rules: [{ name: 'nothing', matches: { pattern: /x*/ }, treat: 'mask' }] }).text('aaxa')).toMatch(
    /^aa\[nothing#.{8}\]a$/,
  );
});

test('overlapping matches are masked as one', () => {
  const secret = `${'gh'}p_${'a1'.repeat(18)}`;
  const masked = redactorOf().text(`password=${secret};rest`);
  expect(masked).toMatch(/^password=\[[a-z-]+#[0-9a-f]{8}\];rest$/);
});

test('refuse reports rule and place, never the value, and masks after the tool ran', () => {
  const secret = `${'gh'}p_${'a1'.repeat(18)}`;
  const { json, name } = redactorOf({ secrets: 'refuse' });
  const refused = expect.objectContaining({
    code: 'refused',
    finding: { rule: 'github-token', place: 'arguments.a[1].b' },
    message: expect.not.stringContaining(secret),
  });
  expect(() => json({ a: [0, { b: secret }] }, 'arguments')).toThrow(refused);
  expect(() => name(`x ${secret}`, 'session')).toThrow(expect.objectContaining({ finding: { rule: 'github-token', place: 'session' } }));
  expect(JSON.stringify(json({ a: secret }, 'result', { after: true }).value)).not.toContain(secret);
});

test('seal leaves values in only if the whole is sealed, secrets never', () => {
  const secret = `${'gh'}p_${'a1'.repeat(18)}`;
  const { json } = redactorOf({ personal: true });
  const given = { mail: `write to ada@example.com with ${secret}`, email: 'none' };
  const sealed = json(given, 'arguments', { sealing: true });
  expect(sealed.seal).toBe('email');
  expect(JSON.stringify(sealed.value)).toContain('ada@example.com');
  expect(JSON.stringify(sealed.value)).not.toContain(secret);
  const masked = json(given, 'arguments');
  expect(masked.seal).toBeUndefined();
  expect(JSON.stringify(masked.value)).not.toMatch(/ada@|none/);
});

test.for<[string, RedactionOptions]>([
  ['a name', { rules: [{ name: 'Not A Name', matches: { pattern: /x/ }, treat: 'mask' }] }],
  ['a treatment', { rules: [{ name: 'a', matches: { pattern: /x/ }, treat: 'hide' as never }] }],
  ['a path', { rules: [{ name: 'a', matches: { path: '$..x' }, treat: 'mask' }] }],
  ['an exception', { except: ['emial'] }],
])('%s that is wrong is named', ([, options]) => {
  expect(() => rulesOf(options)).toThrow(expect.objectContaining({ code: 'rules_invalid' }));
});

test('rules can be disabled by name, or all of them', () => {
  const text = 'ada@example.com from 203.0.113.77';
  expect(redactorOf({ personal: 'mask', except: ['ip-address'] }).text(text)).toMatch(/^\[email#.{8}\] from 203\.0\.113\.77$/);
  expect(redactorOf({ secrets: false }).text('password=hunter2')).toBe('password=hunter2');
});

/** Texts that provoke backtracking; a matcher with quadratic time would not finish within this test's timeout. */
const HOSTILE = [
  ...[
    'eyJ',
    'eyJa-',
    'eyJa.',
    'password=',
    '"password":"',
    "password '",
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----',
    'a://',
    'a://b:',
    'AKIA',
  ],
  ...[
    '+1',
    '1 ',
    '1-',
    '::',
    ':1',
    'a@',
    'a.',
    'a@a.',
    '%40',
    'DE00 ',
    'DE00',
    '--',
    '--a ',
    ' ',
    '\\',
    "''",
    '\\"',
    'SG.',
    'SG.aaaaaaaaaaaaaaaaaaaa.',
  ],
  ...[
    'bearer ',
    'authorization ',
    'cookie: ',
    'aA1+',
    '0123 ',
    '756.',
    '//hooks.slack.com/services/',
    'glpat-',
    '1234567890:AA',
    '(0',
    '(012) ',
    'é',
  ],
  ...['token=\'token="', "token=''' x", 'token="token=\\"', '4111 1111 1111 1111 ', "'password' '", '_pass='],
  ...["password=''a", "password=''", 'password\\\\"', 'email: ', 'street_', 'signature=', "dob=''''"],
  ...['identified by ', 'secret to ', 'token=token', 'basic Og==', '00:', '1.1.1.', 'x', '='],
];
test.each(HOSTILE)('half a megabyte of %j is scanned in time', (piece) => {
  const { json } = redactorOf({ personal: true });
  const text = piece.repeat(Math.ceil(500_000 / piece.length));
  for (const hostile of [text, `${text}@`, `password="${text}`]) json({ hostile }, 'arguments');
});
