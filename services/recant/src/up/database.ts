import { prepareDataKeys } from '@recant/data-keys';
import { type RunningPostgres, startPostgres } from '@recant/local-postgres';
import { grantServiceRole, migrate } from '@recant/store';
import type { Folder } from '../folder/folder.ts';
import type { UpSettings } from './settings.ts';

const KEYS_DATABASE = 'recant_keys';

/** Stops one thing that was started. */
export type Closer = () => Promise<void>;

export interface Database {
  /** Login of the services. */
  readonly url: string;
  /** Superuser of the embedded server; undefined with a DATABASE_URL. */
  readonly ownerUrl: string | undefined;
  /** Database of the data keys, migrated; undefined without one. */
  readonly keysUrl: string | undefined;
  /** Rejects when the embedded server has stopped for good on its own. */
  readonly down: Promise<never>;
}

/** The databases of the settings, or an embedded server with one database for the ledger and one for data keys; migrates both. */
export async function openDatabase(
  folder: Folder,
  { databaseUrl, keysDatabaseUrl }: Pick<UpSettings, 'databaseUrl' | 'keysDatabaseUrl'>,
  closers: Closer[],
): Promise<Database> {
  const { promise: down, reject } = Promise.withResolvers<never>();
  // It may reject before anyone awaits it.
  down.catch(() => undefined);
  if (databaseUrl !== undefined) {
    await migrate(databaseUrl);
    return { url: databaseUrl, ownerUrl: undefined, keysUrl: keysDatabaseUrl, down };
  }
  const server = await startPostgres({ dataDir: folder.at('postgres'), onDown: reject });
  closers.push(() => server.stop());
  await migrate(server.ownerUrl);
  const service = new URL(server.url).username;
  await grantServiceRole(server.ownerUrl, service);
  const keysUrl = keysDatabaseUrl ?? (await openKeysDatabase(server, service));
  return { url: server.url, ownerUrl: server.ownerUrl, keysUrl, down };
}

/** A separate database on the same server: a dump of the ledger contains no keys; a copy of the server's folder does. */
async function openKeysDatabase(server: RunningPostgres, service: string): Promise<string> {
  const { url, ownerUrl } = await server.ensureDatabase(KEYS_DATABASE);
  await prepareDataKeys(ownerUrl, service);
  return url;
}
