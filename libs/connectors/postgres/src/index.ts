export { type PreparedTable, type PrepareOptions, type PrepareReport, preparePostgres, unpreparePostgres } from './install/prepare.ts';
export { type PostgresClient, type PostgresHandle, type PostgresPool, postgresSystem } from './system.ts';
export { postgresConnector } from './undo/connector.ts';
