import { randomBytes } from 'node:crypto';
import { ed25519Signer } from '@recant/transparency';
import { expect, test } from 'vitest';
import { keysFor } from '../src/known-logs.ts';

const key = (name: string) => ed25519Signer(name, randomBytes(32)).key;

test('a key signs for its own name and the paths below it; the longest matching name decides alone', () => {
  const [ledger, rotated, part, other] = [key('a.example/x'), key('a.example/x'), key('a.example/x/acme'), key('b.example')];
  const known = [ledger, rotated, part, other];
  expect(keysFor('a.example/x', known)).toEqual([ledger, rotated]);
  expect(keysFor('a.example/x/other/0/e1', known)).toEqual([ledger, rotated]);
  expect(keysFor('a.example/x/acme/0/e1', known)).toEqual([part]);
  expect(keysFor('b.example/head', known)).toEqual([other]);
  for (const foreign of ['a.example/xy/0/e1', 'a.example', 'c.example', '', 'b.example ', `b.example/${'x'.repeat(1_100)}`])
    expect(keysFor(foreign, known)).toBeUndefined();
});
