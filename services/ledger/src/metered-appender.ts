import type { Appender, Receipt, Submission } from '@recant/ledger';
import type { Metrics } from '@recant/metrics';

/** Counts what an appender records, by path (`http` or `kafka`) and outcome. A batch has one path. */
export function meterAppender(appender: Appender, metrics: Metrics): Appender {
  return {
    async append(batch, position) {
      const path = position === undefined ? 'http' : 'kafka';
      const startedAt = performance.now();
      let outcome = 'failed';
      try {
        const receipts = await appender.append(batch, position);
        outcome = 'committed';
        countReceipts(metrics, path, batch, receipts);
        return receipts;
      } finally {
        metrics.add('recant_ingest_batches_total', 1, { path, outcome });
        metrics.record('recant_ingest_batch_duration_seconds', (performance.now() - startedAt) / 1_000, { path });
      }
    },
  };
}

function countReceipts(metrics: Metrics, path: string, batch: readonly Submission[], receipts: readonly Receipt[]): void {
  for (const [at, receipt] of receipts.entries()) {
    const labels = { path, outcome: receipt.kind };
    metrics.add('recant_ingest_events_total', 1, labels);
    metrics.add('recant_ingest_bytes_total', batch[at]?.bytes.length ?? 0, labels);
    if (receipt.kind !== 'refused') continue;
    const { code } = receipt.refusal;
    metrics.add('recant_refused_events_total', 1, { path, code });
    if (receipt.index !== undefined) metrics.add('recant_dead_letters_total', 1, { path, code });
  }
}
