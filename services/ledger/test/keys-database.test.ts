import { createLogger } from '@recant/service';
import { expect, test } from 'vitest';
import { keysDatabaseOf, openDataKeys } from '../src/keys-database.ts';

test('the data-keys database must differ from the ledger’s, however the URL is written', () => {
  const ledger = 'postgres://recant:x@db.example/recant';
  for (const same of [ledger, 'postgresql://other:y@db.example:5432/recant', `${ledger}?sslmode=verify-full`])
    expect(() => keysDatabaseOf({ DATABASE_URL: ledger, RECANT_KEYS_DATABASE_URL: same })).toThrow(
      'must not be the database of DATABASE_URL',
    );
  const keys = 'postgres://recant:x@db.example/recant_keys';
  expect(keysDatabaseOf({ DATABASE_URL: ledger, RECANT_KEYS_DATABASE_URL: keys })).toBe(keys);
  expect(keysDatabaseOf({ DATABASE_URL: ledger })).toBeUndefined();
});

test('an unusable data-keys database is named by its own variable', async () => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const masterKeys = [new Uint8Array(32)] as const;
  await expect(openDataKeys({ keysDatabaseUrl: 'postgres://db.example/keys', masterKeys }, logger)).rejects.toMatchObject({
    code: 'url_invalid',
    message: expect.stringMatching(/^RECANT_KEYS_DATABASE_URL /),
  });
  expect(await openDataKeys({ keysDatabaseUrl: undefined, masterKeys }, logger)).toBeUndefined();
});
