import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@recant/service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { messageBody, messageId } from '../src/webhooks/message.ts';
import { readWebhooks } from '../src/webhooks/read-webhooks.ts';
import { retryDelayMs } from '../src/webhooks/retry.ts';
import type { AlarmMessage } from '../src/webhooks/shown.ts';
import { parseSecret, signatureOf } from '../src/webhooks/sign.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webhooks-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** @returns the webhooks of a file with this content, or the problems that its reading names */
async function read(content: unknown, env: Readonly<Record<string, string>> = {}) {
  const file = join(folder, 'webhooks.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  try {
    return readWebhooks(file, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('\n').replaceAll(`RECANT_WEBHOOKS_FILE: ${file}`, 'FILE');
    throw error;
  }
}

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;

test('a signature is the one of the published example of Standard Webhooks', () => {
  const secret = parseSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') as Uint8Array;
  expect(signatureOf([secret], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}')).toBe(
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
  const two = signatureOf([secret, parseSecret(OTHER) as Uint8Array], 'id', 1, '{}').split(' ');
  expect(two).toHaveLength(2);
  expect(two[0]).not.toBe(two[1]);
});

test.each([
  '',
  'x',
  'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  'whsec_',
  'whsec_c2hvcnQ=',
  'whsec_not base64!',
  `whsec_${Buffer.alloc(65).toString('base64')}`,
])('a secret that the specification does not allow is refused: %j', (text) => {
  expect(parseSecret(text)).toBeUndefined();
});

test('webhooks are read with their secrets from files and environment, relative to the file', async () => {
  await writeFile(join(folder, 'oncall.secret'), `${SECRET}\n${OTHER}\n`);
  await writeFile(join(folder, 'slack.url'), 'https://hooks.example.com/services/T0/B0/secret\n');
  const webhooks = await read(
    {
      webhooks: [
        {
          name: 'oncall',
          url: 'https://oncall.example.com/recant',
          secretFile: 'oncall.secret',
          conditions: ['source_gap', 'log_tampered'],
        },
        { name: 'chat', urlFile: 'slack.url', format: 'slack' },
        { name: 'local', url: 'http://localhost:1/x', secretEnv: 'HOOK_SECRET' },
      ],
    },
    { HOOK_SECRET: SECRET },
  );
  expect(webhooks).toMatchObject([
    { name: 'oncall', format: 'recant', codes: ['source_gap', 'log_tampered'], secrets: [Buffer.alloc(32, 7), Buffer.alloc(24, 9)] },
    { name: 'chat', format: 'slack', secrets: [], url: new URL('https://hooks.example.com/services/T0/B0/secret') },
    { name: 'local', secrets: [Buffer.alloc(32, 7)] },
  ]);
  expect((webhooks as readonly { readonly codes: readonly string[] }[])[1]?.codes).toContain('webhook_failing');
});

test.each<[string, unknown, RegExp]>([
  ['no JSON, which is not quoted', '{"webhooks": [{"url": "https://hooks.example.com/secret"', /^FILE is not JSON$/],
  ['another form', { hooks: [] }, /FILE: webhooks: must be a list/],
  ['an unknown field', { webhooks: [{ name: 'a', url: 'https://a.example', secret: 'x' }] }, /webhooks\[0\]: .*"secret"/],
  ['a name for no file', { webhooks: [{ name: '../a', url: 'https://a.example' }] }, /webhooks\[0\]\.name: must be at most 40 lower-case/],
  [
    'an unknown condition',
    { webhooks: [{ name: 'a', url: 'https://a.example', conditions: ['gap'] }] },
    /conditions\[0\]: must be among source_gap, /,
  ],
  ['a format', { webhooks: [{ name: 'a', url: 'https://a.example', format: 'xml' }] }, /format: must be recant or slack/],
  [
    'http elsewhere',
    { webhooks: [{ name: 'a', url: 'http://a.example', format: 'slack' }] },
    /\.url: must be https, or http on a loopback address/,
  ],
  ['another scheme', { webhooks: [{ name: 'a', url: 'file:///etc/passwd', format: 'slack' }] }, /\.url: must be an https address/],
  [
    'a password',
    { webhooks: [{ name: 'a', url: 'https://u:pw@a.example', format: 'slack' }] },
    /\.url: must not contain a user or password/,
  ],
  [
    'two addresses',
    { webhooks: [{ name: 'a', url: 'https://a', urlEnv: 'A', format: 'slack' }] },
    /expected exactly one of url, urlFile, urlEnv, got 2/,
  ],
  ['no address', { webhooks: [{ name: 'a', format: 'slack' }] }, /expected exactly one of url, urlFile, urlEnv, got 0/],
  ['no secret', { webhooks: [{ name: 'a', url: 'https://a.example' }] }, /expected exactly one of secretFile, secretEnv, got 0/],
  ['no such file', { webhooks: [{ name: 'a', url: 'https://a.example', secretFile: 'none' }] }, /none is not readable \(ENOENT\)/],
  [
    'no such variable',
    { webhooks: [{ name: 'a', url: 'https://a.example', secretEnv: 'NONE' }] },
    /the environment variable NONE is not set/,
  ],
  ['a weak secret', { webhooks: [{ name: 'a', url: 'https://a.example', secretEnv: 'WEAK' }] }, /secretEnv: must be 1 to 5 secrets/],
  [
    'a name twice, and everything else at once',
    {
      webhooks: [
        { name: 'a', url: 'ftp://a', format: 'slack' },
        { name: 'a', url: 'https://a', format: 'slack' },
      ],
    },
    /webhooks\[0\]\.url: .*\n.*webhooks\[1\]\.name: a is there twice/,
  ],
])('a configuration is refused with its place and without its secrets: %s', async (_, content, problem) => {
  const found = await read(content, { WEAK: 'whsec_weak-secret-value' });
  expect(found).toMatch(problem);
  expect(found).not.toMatch(/hooks\.example|weak-secret|u:pw/);
});

const ALARM: AlarmMessage = {
  type: 'alarm.started',
  alarm: 'bd1a3c1e-9b1c-4f0a-8a3e-1f6f0d5f2c11',
  tenant: 'acme',
  code: 'source_gap',
  subject: 'recant://acme/pricing-bot',
  detail: '2 missing: 3–4.',
  action: 'Find the cause: `recant sources --gaps`.',
  startedAtMs: Date.parse('2026-12-01T10:00:00.000Z'),
};

test('a message of format recant is small JSON with a stable id', () => {
  expect(JSON.parse(messageBody(ALARM, 'recant'))).toEqual({
    id: 'bd1a3c1e-9b1c-4f0a-8a3e-1f6f0d5f2c11_started',
    type: 'alarm.started',
    timestamp: '2026-12-01T10:00:00.000Z',
    data: {
      alarm: 'bd1a3c1e-9b1c-4f0a-8a3e-1f6f0d5f2c11',
      code: 'source_gap',
      title: 'Events of a source are missing',
      tenant: 'acme',
      subject: 'recant://acme/pricing-bot',
      startedAt: '2026-12-01T10:00:00.000Z',
      detail: '2 missing: 3–4.',
      action: 'Find the cause: `recant sources --gaps`.',
    },
  });
  const ended = { ...ALARM, type: 'alarm.ended', endedAtMs: ALARM.startedAtMs + 60_000 } as const;
  expect(JSON.parse(messageBody(ended, 'recant'))).toMatchObject({
    ...{ type: 'alarm.ended', timestamp: '2026-12-01T10:01:00.000Z', data: { endedAt: '2026-12-01T10:01:00.000Z' } },
  });
  expect(messageId(ended)).toBe(`${ALARM.alarm}_ended`);
  expect(messageId(ended)).not.toContain('.');
});

const HOSTILE =
  '<!channel> @here <https://evil.example|pay> https://evil.example *b* `x` `<!here>` &lt;!channel&gt;\n> quote\u202e\u0007 password=Zx81-hunter2-qq';

test('hostile text of a tenant is masked and has no control characters; in Slack it mentions, links and formats nothing', () => {
  const hostile = { ...ALARM, subject: HOSTILE, detail: HOSTILE, tenant: '`<!channel>`' };
  for (const format of ['recant', 'slack'] as const) {
    const body = messageBody(hostile, format);
    expect(body).not.toContain('hunter2');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none
    expect(JSON.stringify(JSON.parse(body))).not.toMatch(/[\u0000-\u001f\u202e]|\\u0007/);
  }
  const { text, ...more } = JSON.parse(messageBody(hostile, 'slack'));
  expect(more).toEqual({ unfurl_links: false, unfurl_media: false });
  expect(text).not.toMatch(/[<>]/);
  const lines = (text as string).split('\n');
  expect(lines).toHaveLength(5);
  // What is outside code spans is Recant's own text.
  expect(lines.map((line) => line.replace(/`[^`]*`/g, '…'))).toEqual([
    ':rotating_light: *Events of a source are missing*',
    'Where: …',
    'Tenant: …, 2026-12-01T10:00:00.000Z',
    'What: …',
    'Do: …',
  ]);
  expect(lines[1]).toContain('&lt;!channel&gt; @here &lt;https://evil.example|pay&gt;');
  expect(lines[1]).toContain("'x'");
});

test('long text is cut where Slack would cut the message, and the end of an alarm needs no act', () => {
  const { text } = JSON.parse(
    messageBody({ ...ALARM, type: 'alarm.ended', endedAtMs: ALARM.startedAtMs, detail: '😀'.repeat(9_000) }, 'slack'),
  );
  expect(text.length).toBeLessThan(10_000);
  expect(text.isWellFormed()).toBe(true);
  expect(text).toMatch(/^:white_check_mark: \*Ended:\* \*Events of a source are missing\*/);
  expect(text).not.toContain('\nDo: ');
});

test('times between attempts double up to 5 minutes, and respect what the receiver asks for', () => {
  expect([1, 2, 3, 7, 1_000].map((tries) => retryDelayMs(tries, 0))).toEqual([5_000, 10_000, 20_000, 300_000, 300_000]);
  expect(retryDelayMs(1, 1)).toBe(2_500);
  expect(retryDelayMs(1, 0, 60_000)).toBe(60_000);
  expect(retryDelayMs(1, 0, 86_400_000)).toBe(300_000);
});
