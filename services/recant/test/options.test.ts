import { expect, test } from 'vitest';
import { rateOf } from '../src/cli/options.ts';

test('a rate is a number of rows and files a second', () => {
  expect([rateOf(undefined), rateOf('1/s'), rateOf('200/s'), rateOf('1000000/s')]).toEqual([undefined, 1, 200, 1_000_000]);
  for (const text of ['', '0/s', '200', '200/m', '-1/s', '1.5/s', '1000001/s', '200/s ', '1e3/s'])
    expect(() => rateOf(text), text).toThrow(`--rate: expected a number from 1/s to 1000000/s, got ${JSON.stringify(text)}`);
});
