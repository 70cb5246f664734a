import { LedgerTampered } from '@recant/ledger';
import { StoreUnavailable } from '../error.ts';

/** A value too large for its column or frame, detected before it reached the database. */
export class RecordFault extends Error {
  override readonly name = 'RecordFault';
}

function sqlStateOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : '';
}

const UNIQUE_VIOLATION = '23505';
const SERIALIZATION_FAILURE = '40001';
const DEADLOCK_DETECTED = '40P01';

/**
 * True if the fault is in one record, not in the store: SQLSTATE class 22 (data exception) or 23 (integrity constraint), or RecordFault.
 * False for a unique violation: a key or log index was inserted concurrently; the record is valid.
 */
export function isRecordFault(error: unknown): boolean {
  const state = sqlStateOf(error);
  return (/^2[23]/.test(state) && state !== UNIQUE_VIOLATION) || error instanceof RecordFault;
}

/** True if the rows are at fault, not the store: as above, a row that exists already, or one beyond a limit of PostgreSQL (class 54). */
export function isRowFault(error: unknown): boolean {
  return isRecordFault(error) || isUniqueViolation(error) || sqlStateOf(error).startsWith('54');
}

/** The key exists in the table. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlStateOf(error) === UNIQUE_VIOLATION;
}

/** The wait for a lock reached its limit. */
export function isLockTimeout(error: unknown): boolean {
  return sqlStateOf(error) === LOCK_NOT_AVAILABLE;
}
const LOCK_NOT_AVAILABLE = '55P03';

/** The same transaction may succeed when retried. */
export function isTransient(error: unknown): boolean {
  return [UNIQUE_VIOLATION, SERIALIZATION_FAILURE, DEADLOCK_DETECTED].includes(sqlStateOf(error));
}

/** Locked, timed out, still in conflict after all tries, or damaged pages. */
const OF_ONE_LOG: ReadonlySet<string> = new Set([
  LOCK_NOT_AVAILABLE,
  '57014',
  'XX001',
  'XX002',
  UNIQUE_VIOLATION,
  SERIALIZATION_FAILURE,
  DEADLOCK_DETECTED,
]);

/** Whether the cause may be one log of the batch, while others accept messages. A lost connection or a full disk concerns all of them. */
export function isOfOneLog(error: unknown): boolean {
  return (
    error instanceof LedgerTampered || OF_ONE_LOG.has(sqlStateOf(error)) || (error instanceof StoreUnavailable && error.cause === undefined)
  );
}

export function describeFault(error: unknown): string {
  const state = sqlStateOf(error);
  return state === '' ? (error as Error).message : `SQLSTATE ${state}`;
}
