import { ERROR_CODES, EVENTS_MEDIA_TYPE } from '@recant/api';
import type { Metrics } from '@recant/metrics';
import type { Response } from 'express';

/** Statuses of load: alert rules add up their increase, and a series that begins with a burst has none. */
const LOAD: ReadonlySet<number> = new Set([429, 503]);

/** Begins the series that alert rules name at 0. @param operations of the service */
export function beginSeries(metrics: Metrics, operations: readonly string[]): void {
  for (const operation of operations) metrics.add('recant_http_requests_total', 0, { operation, status: '5xx' });
  for (const [code, { status }] of Object.entries(ERROR_CODES))
    if (LOAD.has(status)) metrics.add('recant_http_problems_total', 0, { code });
}

/** Counts a request when its answer has been sent, or its connection was lost (`aborted`). A stream has no duration that says anything, and its client ends it when it likes. */
export function measureHttp(metrics: Metrics, operation: string, response: Response): void {
  const startedAt = performance.now();
  response.once('close', () => {
    const isStream = response.getHeader('content-type') === EVENTS_MEDIA_TYPE;
    const status = response.writableFinished || isStream ? `${Math.floor(response.statusCode / 100)}xx` : 'aborted';
    metrics.add('recant_http_requests_total', 1, { operation, status });
    if (!isStream) metrics.record('recant_http_request_duration_seconds', (performance.now() - startedAt) / 1_000, { operation });
  });
}
