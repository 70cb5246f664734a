import { createHash } from 'node:crypto';
import { uuidv7 } from './uuid.ts';

/**
 * Action of a transaction that no attempt named: the same for every read of the same transaction.
 * @param identity identifies the target's database, for instance its system identifier and name. @param transaction `<capture epoch>/<xid8>`.
 * @param fromMs milliseconds since 1970, UTC: when the target captured the first change.
 */
export function actionOfTransaction(identity: string, transaction: string, fromMs: number): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([identity, transaction]))
    .digest();
  return uuidv7(fromMs, digest.subarray(0, 16));
}
