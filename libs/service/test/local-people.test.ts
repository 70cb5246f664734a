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

test('a password is of 125 random bits, and only its hash is kept, each time another', async () => {
  const [one, other] = [PASSWORD, newPassword()];
  expect(one).toMatch(/^([0-9a-hjkmnp-tv-z]{5}-){4}[0-9a-hjkmnp-tv-z]{5}$/);
  expect(one).not.toBe(other);
  const hashes = [kept, await hashPassword(one)];
  expect(hashes[0]).not.toBe(hashes[1]);
  for (const hash of hashes) expect(hash).not.toContain(one);
});

test('one name with one password is one person, with every role that a person can have', async () => {
  const { at, people } = local();
  expect(await people.identify(basic('operator', at.password))).toEqual({
    kind: 'person',
    caller: {
      kind: 'person',
      id: 'person:operator',
      tenant: 'recant',
      roles: ['view', 'plan', 'execute', 'export', 'administer', 'unseal', 'approve'],
    },
  });
});

test.each([
  ['another name', (password: string) => basic('root', password)],
  ['a longer password', (password: string) => basic('operator', `${password}x`)],
  ['no password', () => basic('operator', '')],
  ['no colon', () => Buffer.from('operator').toString('base64')],
  ['no base64', () => '%%%%'],
  ['more than it may be', (password: string) => basic('operator', `${password}:`.repeat(100))],
])('it is nobody with %s', async (_name, credentials) => {
  const { at, people } = local();
  expect(await people.identify(credentials(at.password))).toMatchObject({ kind: 'unknown' });
});

test('where nothing fit is kept there is nobody', async () => {
  const { at, say } = local();
  for (const hash of [undefined, 'scrypt-v1..', `${at.hash}x`]) {
    at.hash = hash;
    expect(await say(at.password)).toBe('unknown');
  }
});

test('after wrong passwords none is looked at for a while, longer each time and never for good; a right one ends it', async () => {
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

test('guesses sent at once are no cheaper: they are looked at one after the other, and few wait', async () => {
  const { at, say } = local();
  const said = await Promise.all(Array.from({ length: 40 }, () => say('guess')));
  expect(said.filter((each) => each === 'unknown')).toHaveLength(5);
  expect(said.filter((each) => each.startsWith('throttled'))).toHaveLength(35);
  at.now += 60_000;
  expect(await say(at.password)).toBe('person');
});

test('a new password counts at once, and ends the waiting', async () => {
  const { at, say } = local();
  for (let n = 0; n < 6; n += 1) await say('guess');
  const old = at.password;
  at.password = newPassword();
  at.hash = await hashPassword(at.password);
  expect(await say(old)).toBe('unknown');
  expect(await say(at.password)).toBe('person');
});

test('who was let in before is not shut out by whoever guesses without end, and a password that was replaced is', async () => {
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
