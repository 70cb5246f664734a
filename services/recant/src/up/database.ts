import { prepareDataKeys } from '@recant/data-keys';
import { type RunningPostgres, startPostgres } from '@recant/local-postgres';
import { grantServiceRole, migrate } from '@recant/store';
import type { Folder } from '../folder/folder.ts';
import type { UpSettings } from './settings.ts';

const KEYS_DATABASE = 'recant_keys';

/** Takes down one thing that was started. */
export type Closer = () => Promise<void>;

export interface Database {
  /** What the services connect as. */
  readonly url: string;
  /** Superuser of the embedded server; undefined with a DATABASE_URL. */
  readonly ownerUrl: string | undefined;
  /** Of the data keys, prepared; undefined where there is none. */
  readonly keysUrl: string | undefined;
  /** Rejects when the server went down for good by itself. */
  readonly down: Promise<never>;
}

/** The databases that the settings name, or a server of the folder's own with one for the ledger and one for data keys; their schemas up to date. */
export async function openDatabase(
  folder: Folder,
  { databaseUrl, keysDatabaseUrl }: Pick<UpSettings, 'databaseUrl' | 'keysDatabaseUrl'>,
  closers: Closer[],
): Promise<Database> {
  const { promise: down, reject } = Promise.withResolvers<never>();
  // Nobody may be waiting for it when it comes.
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
  const keysUrl = keysDatabaseUrl ?? (await besideLedger(server, service));
  return { url: server.url, ownerUrl: server.ownerUrl, keysUrl, down };
}

/** A second database on the same server: a dump of the ledger holds no keys, a copy of the server's folder does. */
async function besideLedger(server: RunningPostgres, service: string): Promise<string> {
  const { url, ownerUrl } = await server.ensureDatabase(KEYS_DATABASE);
  await prepareDataKeys(ownerUrl, service);
  return url;
}
