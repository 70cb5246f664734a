import { type DataKeys, localMasterKey, postgresDataKeys, prepareDataKeys } from '@recant/data-keys';
import { ConfigError, type Logger, type MasterKeys } from '@recant/service';
import { checkConnection, StoreError } from '@recant/store';

/** The store of data keys, ready for use; undefined where no database is named for it. Keys under an earlier master key are wrapped again meanwhile. */
export async function openDataKeys(
  { keysDatabaseUrl, masterKeys }: { readonly keysDatabaseUrl: string | undefined; readonly masterKeys: MasterKeys },
  logger: Logger,
): Promise<DataKeys | undefined> {
  if (keysDatabaseUrl === undefined) return undefined;
  await checkKeysConnection(keysDatabaseUrl);
  await prepareDataKeys(keysDatabaseUrl);
  const dataKeys = postgresDataKeys({ connectionString: keysDatabaseUrl, masterKey: localMasterKey(masterKeys) });
  if (masterKeys.length > 1)
    dataKeys.rewrap().then(
      (count) => logger.info({ count }, 'data keys are under the newest master key'),
      (err: unknown) => logger.warn({ err }, 'data keys are still under an earlier master key: it is needed until a later start'),
    );
  return dataKeys;
}

/** @throws StoreError as for the ledger's own database, under this one's name. */
async function checkKeysConnection(url: string): Promise<void> {
  try {
    await checkConnection(url);
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause;
    throw new StoreError(cause.code, cause.message.replaceAll('DATABASE_URL', 'RECANT_KEYS_DATABASE_URL'), { cause });
  }
}

/** @throws ConfigError where it is the ledger's own: a backup of the ledger would hold the keys, and erasing would erase nothing. */
export function keysDatabaseOf(read: {
  DATABASE_URL?: string | undefined;
  RECANT_KEYS_DATABASE_URL?: string | undefined;
}): string | undefined {
  const { DATABASE_URL: ledger, RECANT_KEYS_DATABASE_URL: keys } = read;
  if (keys !== undefined && ledger !== undefined && placeOf(keys) === placeOf(ledger))
    throw new ConfigError(['RECANT_KEYS_DATABASE_URL: must be another database than DATABASE_URL (its backups must not hold the keys)']);
  return keys;
}

function placeOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || '5432'}${pathname}`;
}
