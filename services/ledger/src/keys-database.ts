import { type DataKeys, localMasterKey, postgresDataKeys, prepareDataKeys } from '@recant/data-keys';
import { ConfigError, type Logger, type MasterKeys } from '@recant/service';
import { checkConnection, StoreError } from '@recant/store';

/** Opens and prepares the store of data keys; undefined without RECANT_KEYS_DATABASE_URL. Rewraps keys of older master keys in the background. */
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
      (count) => logger.info({ count }, 'data keys: rewrapped under the newest master key'),
      (err: unknown) => logger.warn({ err }, 'data keys: rewrapping failed; keep the older master key until a later start succeeds'),
    );
  return dataKeys;
}

/** @throws StoreError as for the ledger's database, naming RECANT_KEYS_DATABASE_URL */
async function checkKeysConnection(url: string): Promise<void> {
  try {
    await checkConnection(url);
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause;
    throw new StoreError(cause.code, cause.message.replaceAll('DATABASE_URL', 'RECANT_KEYS_DATABASE_URL'), { cause });
  }
}

/** @throws ConfigError if it is the ledger's database: its backups would contain the keys, which defeats erasure */
export function keysDatabaseOf(read: {
  DATABASE_URL?: string | undefined;
  RECANT_KEYS_DATABASE_URL?: string | undefined;
}): string | undefined {
  const { DATABASE_URL: ledger, RECANT_KEYS_DATABASE_URL: keys } = read;
  if (keys !== undefined && ledger !== undefined && placeOf(keys) === placeOf(ledger))
    throw new ConfigError(['RECANT_KEYS_DATABASE_URL: must not be the database of DATABASE_URL, whose backups would contain the keys']);
  return keys;
}

function placeOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || '5432'}${pathname}`;
}
