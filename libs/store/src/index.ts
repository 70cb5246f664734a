export { createPool } from './access/connect.ts';
export {
  type CredentialSummary,
  type Credentials,
  createCredentials,
  type NewCredential,
  type StoredCredential,
} from './access/credentials.ts';
export { createParts, type PartReceipt, type Parts, type StoredPart } from './access/parts.ts';
export { createSealer, MASTER_KEY_BYTES, type Sealer } from './access/sealer.ts';
export { createSystems, type SystemRecord, type Systems } from './access/systems.ts';
export { type AppenderOptions, createAppender } from './append/appender.ts';
export { FAILPOINTS, type FailpointName, type Failpoints, killAtFailpoint } from './append/failpoint.ts';
export { type BundleQuery, withBundleSource } from './audit/bundle-source.ts';
export { withSnapshot } from './audit/snapshot.ts';
export { checkConnection } from './connection.ts';
export { PositionMoved, StoreError, type StoreErrorCode, StoreUnavailable } from './error.ts';
export { dumpSchema } from './migration/dump-schema.ts';
export { migrate } from './migration/migrate.ts';
export { grantServiceRole } from './migration/roles.ts';
export type { KafkaPositions, StoredPosition } from './positions.ts';
export type { TenantHead } from './publish/head-store.ts';
export type { EpochOpening } from './publish/open-epoch.ts';
export { createPublishStore } from './publish/publish-store.ts';
export type { PublicCheckpoint, Published } from './publish/published.ts';
export type { ReceiptPlace } from './publish/receipt-place.ts';
export type { PlaceNames, Standing } from './publish/standing.ts';
export type { AttemptDetail } from './query/action.ts';
export type { ActPage, ActQuery } from './query/acts.ts';
export type { AttemptSummary, SettledSummary } from './query/attempt-row.ts';
export { type AttemptPage, type AttemptQuery, PAGE_LIMIT_MAX } from './query/attempts.ts';
export type { DeadLetterPage, DeadLetterSummary, LogSummary } from './query/cold.ts';
export type { RecordedEvent } from './query/recorded-event.ts';
export type { NumberRange, SourcePage, SourceQuery, SourceState, SourceSummary, SourceTotals } from './query/sources.ts';
export { createLedgerReader } from './reader/ledger-reader.ts';
export * from './rollback/index.ts';
export { createStore, OPERATOR_TENANT, type Queries, type Store, type StoreOptions } from './store.ts';
