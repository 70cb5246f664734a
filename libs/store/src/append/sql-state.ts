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

/** The key exists in the table. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlStateOf(error) === UNIQUE_VIOLATION;
}

/** The same transaction may succeed when retried. */
export function isTransient(error: unknown): boolean {
  return [UNIQUE_VIOLATION, SERIALIZATION_FAILURE, DEADLOCK_DETECTED].includes(sqlStateOf(error));
}

export function describeFault(error: unknown): string {
  const state = sqlStateOf(error);
  return state === '' ? (error as Error).message : `SQLSTATE ${state}`;
}
