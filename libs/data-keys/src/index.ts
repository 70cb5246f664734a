export { DataKeysError, type DataKeysErrorCode } from './error.ts';
export { localMasterKey } from './local-master-key.ts';
export type { DataKeys, FoundKey, MasterKey } from './port.ts';
export { type PostgresDataKeysOptions, postgresDataKeys } from './postgres-data-keys.ts';
export { prepareDataKeys } from './prepare.ts';
