import type { Receipt, RefusalCode, Submission } from '@recant/ledger';
import type { Logger } from '@recant/service';

/** Refusals that may mean an attempt to impersonate another sender. */
const FORGED: ReadonlySet<RefusalCode> = new Set([
  'unauthenticated',
  'mac_invalid',
  'role_missing',
  'source_not_allowed',
  'agent_not_allowed',
  'topic_not_allowed',
]);

/** Logs one alarm per batch, with counts by code and the dead letter of the first message. */
export function warnOfForgeries(batch: readonly Submission[], receipts: readonly Receipt[], logger: Pick<Logger, 'warn'>): void {
  const codes: Partial<Record<RefusalCode, number>> = {};
  let first: object | undefined;
  for (const [n, receipt] of receipts.entries()) {
    if (receipt.kind !== 'refused' || !FORGED.has(receipt.refusal.code)) continue;
    const { code, detail } = receipt.refusal;
    codes[code] = (codes[code] ?? 0) + 1;
    const { origin, credential } = batch[n] as Submission;
    first ??= { origin, shard: receipt.shard, index: Number(receipt.index), tenant: credential?.tenant, detail };
  }
  if (first !== undefined)
    logger.warn({ alarm: 'forged_event', codes, first }, 'kafka: refused possibly forged events; see GET /v1/dead-letters');
}
