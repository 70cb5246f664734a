import { startPostgres } from '@recant/local-postgres';
import { grantServiceRole, migrate } from '@recant/store';
import type { Folder } from './folder.ts';

/** Takes down one thing that was started. */
export type Closer = () => Promise<void>;

export interface Database {
  /** What the services connect as. */
  readonly url: string;
  /** Superuser of the embedded server; undefined with a DATABASE_URL. */
  readonly ownerUrl: string | undefined;
  /** Rejects when the server went down for good by itself. */
  readonly down: Promise<never>;
}

/** The database that DATABASE_URL names, or a server of the folder's own; its schema up to date. */
export async function openDatabase(folder: Folder, databaseUrl: string | undefined, closers: Closer[]): Promise<Database> {
  const { promise: down, reject } = Promise.withResolvers<never>();
  // Nobody may be waiting for it when it comes.
  down.catch(() => undefined);
  if (databaseUrl !== undefined) {
    await migrate(databaseUrl);
    return { url: databaseUrl, ownerUrl: undefined, down };
  }
  const server = await startPostgres({ dataDir: folder.at('postgres'), onDown: reject });
  closers.push(() => server.stop());
  await migrate(server.ownerUrl);
  await grantServiceRole(server.ownerUrl, new URL(server.url).username);
  return { url: server.url, ownerUrl: server.ownerUrl, down };
}
