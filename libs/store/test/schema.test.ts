import { readFileSync } from 'node:fs';
import { testDatabase } from '@recant/test-support';
import { expect, it } from 'vitest';
import { dumpSchema, migrate } from '../src/index.ts';

it('prisma/schema.sql equals the migrated schema: `npm run schema:dump` rewrites it', async () => {
  await using database = await testDatabase();
  await migrate(database.ownerUrl);
  const dumped = await dumpSchema(database.ownerUrl);
  expect(dumped).toBe(readFileSync(new URL('../../../prisma/schema.sql', import.meta.url), 'utf8'));
  // Applying them again changes no grant or guard.
  await migrate(database.ownerUrl);
  expect(await dumpSchema(database.ownerUrl)).toBe(dumped);
});
