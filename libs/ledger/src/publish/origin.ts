import type { LogKey } from './ports.ts';

/**
 * First line of a log's checkpoints. A tenant's id is percent-encoded, so that no id can look like another log's origin.
 * @param ledger the ledger's name, which is also the name of its keys.
 */
export function originOf(ledger: string, { tenant, shard }: LogKey, epoch: number): string {
  return `${ledger}/${encodeURIComponent(tenant)}/${shard}/e${epoch}`;
}

/** First line of the ledger heads, which bind all logs. They have a log and an epoch of their own. */
export function headOriginOf(ledger: string, epoch = 1): string {
  return epoch === 1 ? `${ledger}/head` : `${ledger}/head/e${epoch}`;
}
