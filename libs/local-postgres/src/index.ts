export { LocalPostgresError, type LocalPostgresErrorCode } from './error.ts';
export { type PostgresOptions, type RunningPostgres, startPostgres } from './start.ts';
