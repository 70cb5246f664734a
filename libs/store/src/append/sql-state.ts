/** A value of one record that its column or its frame cannot hold, found before the database saw it. */
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
 * The fault is in one record, not in the store: SQLSTATE class 22 (data exception) or 23 (integrity constraint), or a value that its column cannot hold.
 * Not a unique violation: a key or a place in a log was taken meanwhile, which says nothing against the record.
 */
export function isRecordFault(error: unknown): boolean {
  const state = sqlStateOf(error);
  return (/^2[23]/.test(state) && state !== UNIQUE_VIOLATION) || error instanceof RecordFault;
}

/** A key is in the table already. */
export function isTaken(error: unknown): boolean {
  return sqlStateOf(error) === UNIQUE_VIOLATION;
}

/** The same transaction may well succeed now. */
export function isTransient(error: unknown): boolean {
  return [UNIQUE_VIOLATION, SERIALIZATION_FAILURE, DEADLOCK_DETECTED].includes(sqlStateOf(error));
}

export function describeFault(error: unknown): string {
  const state = sqlStateOf(error);
  return state === '' ? (error as Error).message : `SQLSTATE ${state}`;
}
