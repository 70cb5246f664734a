import { type LedgerClient, ledgerClient } from './ledger.ts';
import { type RollbackClient, rollbackClient } from './rollback.ts';
import { type ProgressClient, progressClient } from './run-progress.ts';
import { type ClientOptions, createStreamTransport, createTransport } from './transport.ts';

export { ApiError, ConnectionError } from './error.ts';
export type { AttemptFilter, LedgerClient, PageRequest } from './ledger.ts';
export { everyAttempt, everyItem, type TailOptions, tail } from './pages.ts';
export type { RollbackClient } from './rollback.ts';
export type { FollowOptions, ProgressClient } from './run-progress.ts';
export { type ClientOptions, TIMEOUT_MS_DEFAULT } from './transport.ts';
export { type OverwriteView, type WholePlan, type WholeRun, wholePlan, wholeRun } from './whole.ts';

export type Client = LedgerClient & RollbackClient & ProgressClient;

/** Every operation of the API as a function. Creating the client sends nothing. */
export function createClient(options: ClientOptions): Client {
  const transport = createTransport(options);
  return { ...ledgerClient(transport), ...rollbackClient(transport), ...progressClient(createStreamTransport(options)) };
}
