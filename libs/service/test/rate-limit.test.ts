import { createRateLimits, type Rates } from '@recant/service';
import { expect, test } from 'vitest';

const NONE = { requests: 0, events: 0, bytes: 0 };
const rates = (key: Partial<Rates['key']>, tenant: Partial<Rates['tenant']> = {}): Rates => ({
  key: { ...NONE, ...key },
  tenant: { ...NONE, ...tenant },
});
const agent = (id: string, tenant = 'a') => ({ tenant, id, operator: false });

function limits(rates: Rates) {
  let now = 0;
  const made = createRateLimits(rates, () => now);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { charge: (...args: Parameters<typeof made.charge>) => made.charge(...args)?.retryAfterSeconds, pass };
}

test('a burst is ten seconds of the rate; then the wait is returned, and after it the key may send again', () => {
  const { charge, pass } = limits(rates({ requests: 2 }));
  const answers = Array.from({ length: 21 }, () => charge(agent('k'), { requests: 1 }));
  expect(answers.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => undefined));
  expect(answers[20]).toBe(1);
  pass(499);
  expect(charge(agent('k'), { requests: 1 })).toBeUndefined();
  expect(charge(agent('k'), { requests: 1 })).toBe(1);
  pass(3_600_000);
  expect(Array.from({ length: 21 }, () => charge(agent('k'), { requests: 1 })).filter((wait) => wait !== undefined)).toHaveLength(1);
});

test('one request above the burst passes; the next wait equals the debt', () => {
  const { charge, pass } = limits(rates({ bytes: 100 }));
  expect(charge(agent('k'), { requests: 1, bytes: 2_000 })).toBeUndefined();
  expect(charge(agent('k'), { requests: 1, bytes: 1 })).toBe(10);
  pass(9_900);
  expect(charge(agent('k'), { requests: 1, bytes: 1 })).toBe(1);
  pass(200);
  expect(charge(agent('k'), { requests: 1, bytes: 1 })).toBeUndefined();
});

test('a refused request is charged to no bucket', () => {
  const { charge } = limits(rates({ requests: 100, events: 1 }));
  charge(agent('k'), { events: 1_000 });
  for (let n = 0; n < 2_000; n++) expect(charge(agent('k'), { requests: 1, events: 1 })).toBe(990);
  expect(charge(agent('k'), { requests: 1 })).toBeUndefined();
});

test('the keys of a tenant share its rate; operators and other tenants do not, even with the same key id', () => {
  const { charge } = limits(rates({}, { events: 10 }));
  expect(charge(agent('k'), { events: 60 })).toBeUndefined();
  expect(charge(agent('l'), { events: 60 })).toBeUndefined();
  expect(charge(agent('m'), { events: 1 })).toBe(2);
  expect(charge(agent('k', 'b'), { events: 1 })).toBeUndefined();
  expect(charge({ ...agent('m'), operator: true }, { events: 1 })).toBeUndefined();
});

test('0 is no limit; the number of buckets is bounded', () => {
  const open = limits(rates({}));
  expect(charge1(open, 100_000)).toBeUndefined();
  const { charge } = limits(rates({ requests: 1 }));
  for (let n = 0; n < 30_000; n++) expect(charge(agent(`k${n}`), { requests: 1 })).toBeUndefined();
});

function charge1({ charge }: ReturnType<typeof limits>, events: number) {
  return charge(agent('k'), { events }) ?? charge(agent('k'), { events });
}

test('limits hold for each of 20,000 active keys, and idle ones are forgotten', () => {
  const { charge, pass } = limits(rates({ requests: 1, events: 1, bytes: 1 }, { requests: 1_000_000 }));
  const cost = { requests: 1, events: 1, bytes: 1 };
  const round = () => Array.from({ length: 20_000 }, (_, n) => charge(agent(`k${n}`), cost)).filter((wait) => wait === undefined).length;
  for (let n = 0; n < 10; n += 1) expect(round()).toBe(20_000);
  expect(round()).toBe(0);
  pass(10_000);
  expect(round()).toBe(20_000);
  for (let n = 0; n < 9; n += 1) round();
  expect(round()).toBe(0);
});
