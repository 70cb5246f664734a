import { createLogger } from '@recant/service';
import { expect, test } from 'vitest';
import { keysDatabaseOf, openDataKeys } from '../src/keys-database.ts';

test('the database of data keys is never the ledger’s own, however it is written', () => {
  const ledger = 'postgres://recant:x@db.example/recant';
  for (const same of [ledger, 'postgresql://other:y@db.example:5432/recant', `${ledger}?sslmode=verify-full`])
    expect(() => keysDatabaseOf({ DATABASE_URL: ledger, RECANT_KEYS_DATABASE_URL: same })).toThrow('another database');
  const keys = 'postgres://recant:x@db.example/recant_keys';
  expect(keysDatabaseOf({ DATABASE_URL: ledger, RECANT_KEYS_DATABASE_URL: keys })).toBe(keys);
  expect(keysDatabaseOf({ DATABASE_URL: ledger })).toBeUndefined();
});

test('one that cannot be used is named as what it is', async () => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const masterKeys = [new Uint8Array(32)] as const;
  await expect(openDataKeys({ keysDatabaseUrl: 'postgres://db.example/keys', masterKeys }, logger)).rejects.toMatchObject({
    code: 'url_invalid',
    message: expect.stringMatching(/^RECANT_KEYS_DATABASE_URL /),
  });
  expect(await openDataKeys({ keysDatabaseUrl: undefined, masterKeys }, logger)).toBeUndefined();
});
