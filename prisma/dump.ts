import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@recant/local-postgres';
import { dumpSchema, migrate } from '@recant/store';

/** Writes `schema.sql` from a temporary database with all migrations applied. */
const folder = await mkdtemp(join(tmpdir(), 'recant-schema-'));
const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), temporary: true, durable: false });
try {
  await migrate(postgres.ownerUrl);
  await writeFile(new URL('schema.sql', import.meta.url), await dumpSchema(postgres.ownerUrl));
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
