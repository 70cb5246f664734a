import { createLocalPeople, hashPassword, newPassword } from '@recant/service';
import { beforeAll, expect, test } from 'vitest';

const basic = (name: string, password: string) => Buffer.from(`${name}:${password}`).toString('base64');

const PASSWORD = newPassword();
let kept: string;
beforeAll(async () => {
  kept = await hashPassword(PASSWORD);
});

function local() {
  const at = { password: PASSWORD, hash: kept as string | undefined, now: 1_000_000 };
  const people = createLocalPeople({ tenant: 'recant', readHash: async () => at.hash, clock: () => at.now });
  const say = async (password: string, name = 'operator') => {
    const identified = await people.identify(basic(name, password));
    return identified.kind === 'throttled' ? `throttled ${identified.retryAfterSeconds}` : identified.kind;
  };
  return { at, people, say };
}

test('a password has 125 random bits; only a salted hash is stored', async () => {
  const [one, other] = [PASSWORD, newPassword()];
  expect(one).toMatch(/^([0-9a-hjkmnp-tv-z]{5}-){4}[0-9a-hjkmnp-tv-z]{5}$/);
  expect(one).not.toBe(other);
  const hashes = [kept, await hashPassword(one)];
  expect(hashes[0]).not.toBe(hashes[1]);
  for (const hash of hashes) expect(hash).not.toContain(one);
});

test('the right name and password give the operator with all person roles', async () => {
  const { at, people } = local();
  expect(await people.identify(basic('operator', at.password))).toEqual({
    kind: 'person',
    caller: {
      kind: 'person',
      id: 'person:operator',
      tenant: 'recant',
      roles: ['view', 'plan', 'execute', 'export', 'administer', 'unseal', 'approve', 'monitor'],
    },
  });
});

test.each([
  ['another name', (password: string) => basic('root', password)],
  ['a longer password', (password: string) => basic('operator', `${password}x`)],
  ['no password', () => basic('operator', '')],
  ['no colon', () => Buffer.from('operator').toString('base64')],
  ['no base64', () => '%%%%'],
  ['too many characters', (password: string) => basic('operator', `${password}:`.repeat(100))],
])('authentication fails with %s', async (_name, credentials) => {
  const { at, people } = local();
  expect(await people.identify(credentials(at.password))).toMatchObject({ kind: 'unknown' });
});

test('without a valid stored hash nobody authenticates', async () => {
  const { at, say } = local();
  for (const hash of [undefined, 'scrypt-v1..', `${at.hash}x`]) {
    at.hash = hash;
    expect(await say(at.password)).toBe('unknown');
  }
});

test('wrong passwords throttle with growing, bounded waits; a right one resets them', async () => {
  const { at, say } = local();
  for (let n = 0; n < 5; n += 1) expect(await say('guess')).toBe('unknown');
  const waits: string[] = [];
  for (let n = 0; n < 8; n += 1) {
    const wait = await say(at.password);
    waits.push(wait);
    at.now += Number(wait.split(' ')[1]) * 1_000;
    expect(await say('guess')).toBe('unknown');
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => `throttled ${seconds}`));
  at.now += 30_000;
  expect(await say(at.password)).toBe('person');
  expect(await say('guess')).toBe('unknown');
  expect(await say(at.password)).toBe('person');
});

test('parallel guesses are checked one at a time, with a short queue', async () => {
  const { at, say } = local();
  const said = await Promise.all(Array.from({ length: 40 }, () => say('guess')));
  expect(said.filter((each) => each === 'unknown')).toHaveLength(5);
  expect(said.filter((each) => each.startsWith('throttled'))).toHaveLength(35);
  at.now += 60_000;
  expect(await say(at.password)).toBe('person');
});

test('a new password takes effect at once and ends the throttling', async () => {
  const { at, say } = local();
  for (let n = 0; n < 6; n += 1) await say('guess');
  const old = at.password;
  at.password = newPassword();
  at.hash = await hashPassword(at.password);
  expect(await say(old)).toBe('unknown');
  expect(await say(at.password)).toBe('person');
});

test('the last valid password is exempt from throttling, a replaced one is not', async () => {
  const { at, say } = local();
  expect(await say(at.password)).toBe('person');
  for (let n = 0; n < 5; n += 1) expect(await say('guess')).toBe('unknown');
  expect(await say('guess')).toMatch(/^throttled/);
  expect(await say(at.password)).toBe('person');
  const crowd = Array.from({ length: 20 }, () => say('guess'));
  expect(await say(at.password)).toBe('person');
  await Promise.all(crowd);
  expect(await say(at.password, 'root')).toMatch(/^throttled/);
  at.hash = await hashPassword(newPassword());
  expect(await say(at.password)).toBe('unknown');
  at.hash = undefined;
  expect(await say(at.password)).toBe('unknown');
});
