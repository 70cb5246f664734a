import type { Metrics } from '@recant/metrics';
import type { Response } from 'express';

/** Counts a request when its answer has been sent, or its connection was lost (`aborted`). */
export function measureHttp(metrics: Metrics, operation: string, response: Response): void {
  const startedAt = performance.now();
  response.once('close', () => {
    const status = response.writableFinished ? `${Math.floor(response.statusCode / 100)}xx` : 'aborted';
    metrics.add('recant_http_requests_total', 1, { operation, status });
    metrics.record('recant_http_request_duration_seconds', (performance.now() - startedAt) / 1_000, { operation });
  });
}
