export { unpreparePostgres } from './install/disconnect.ts';
export type { AgentRole } from './install/grants.ts';
export type { PrepareOptions } from './install/options.ts';
export { type PreparedTable, type PrepareReport, preparePostgres } from './install/prepare.ts';
export { type PostgresClient, type PostgresHandle, type PostgresPool, type PostgresSystem, postgresSystem } from './system.ts';
export { postgresConnector } from './undo/connector.ts';
