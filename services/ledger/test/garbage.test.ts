import type { Submission } from '@recant/ledger';
import { expect, test } from 'vitest';
import { createGarbageLimit } from '../src/garbage.ts';

const letter = (origin: string, code: 'undecodable' | 'unauthenticated' = 'undecodable'): Submission => ({
  credential: undefined,
  bytes: new Uint8Array(100_000),
  origin: `kafka:t/0/${origin}`,
  refused: { code, detail: 'It cannot be read.' },
});

test('I4: a dead letter that stands for several counts every message of the batches that cannot be decoded', () => {
  const garbage = createGarbageLimit(() => 0);
  const kept = garbage.keep(
    [...Array.from({ length: 300 }, (_, n) => letter(`${n}`)), letter('300-399'), letter('400', 'unauthenticated')],
    't/0',
  );
  const sums = kept.filter(({ refused }) => / messages at offsets /.test(refused?.detail ?? ''));
  const counted = sums.map(({ refused, origin }) => [refused?.code, Number.parseInt(refused?.detail ?? '', 10), origin]);
  const alone = kept.length - sums.length;
  expect(alone).toBeGreaterThan(0);
  expect(counted).toEqual([
    ['undecodable', 400 - alone, `kafka:t/0/${alone}-399`],
    ['unauthenticated', 1, 'kafka:t/0/400-400'],
  ]);
});
