export { type PreparedTable, type PrepareOptions, type PrepareReport, preparePostgres, unpreparePostgres } from './prepare/prepare.ts';
export { type PostgresClient, type PostgresHandle, type PostgresPool, postgresSystem } from './system.ts';
export { postgresConnector } from './target/connector.ts';
