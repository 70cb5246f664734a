import type { LogKey } from './ports.ts';

/**
 * First line of a log's checkpoints. A tenant's id is percent-encoded, so that no id can look like another log's origin.
 * @param ledger the ledger's name, which is also the name of its keys.
 */
export function originOf(ledger: string, { tenant, shard }: LogKey, epoch: number): string {
  return `${ledger}/${encodeURIComponent(tenant)}/${shard}/e${epoch}`;
}

/** First line of the ledger heads, which bind all logs. */
export function headOriginOf(ledger: string): string {
  return `${ledger}/head`;
}
