import { expect, test } from 'vitest';
import { createMetrics } from '../src/metrics.ts';

/** Advances by more than the cache holds at each call. */
const ticking = () => {
  let now = 0;
  return () => {
    now += 2_000;
    return now;
  };
};

test('a counter grows, a histogram has its buckets, and label values are escaped', async () => {
  const metrics = createMetrics(ticking());
  metrics.add('recant_http_problems_total', 2, { code: 'a"b\n\\' });
  metrics.add('recant_http_problems_total', 1, { code: 'a"b\n\\' });
  metrics.record('recant_ingest_batch_duration_seconds', 0.05, { path: 'http' });
  const text = await metrics.text();
  expect(text).toContain('recant_http_problems_total{code="a\\"b\\n\\\\"} 3');
  expect(text).toContain('recant_ingest_batch_duration_seconds_bucket{path="http",le="0.02"} 0');
  expect(text).toContain('recant_ingest_batch_duration_seconds_bucket{path="http",le="0.1"} 1');
});

test('a gauge has the series of the current scrape only', async () => {
  const metrics = createMetrics(ticking());
  let topic = 'old';
  metrics.source((observe) => observe('recant_kafka_lag', 7, { topic, partition: '0' }));
  expect(await metrics.text()).toContain('recant_kafka_lag{topic="old",partition="0"} 7');
  topic = 'new';
  const text = await metrics.text();
  expect(text).toContain('recant_kafka_lag{topic="new",partition="0"} 7');
  expect(text).not.toContain('old');
});

test('a source that fails half-way or hangs leaves all its series out, is counted, and delays no other', async () => {
  const metrics = createMetrics(ticking(), 20);
  metrics.source((observe) => {
    observe('recant_runs', 1, { state: 'running' });
    throw new Error('the store is away');
  });
  metrics.source(async (observe) => {
    observe('recant_tampered_logs', 1, {});
    await new Promise<never>(() => {});
  });
  metrics.source((observe) => observe('recant_unpublished_logs', 3, {}));
  const text = await metrics.text();
  expect(text).toContain('recant_scrape_errors 2');
  expect(text).toContain('recant_unpublished_logs 3');
  expect(text).not.toMatch(/^recant_(runs|tampered_logs)/m);
});

test('scrapes within a second share one result', async () => {
  let now = 0;
  const metrics = createMetrics(() => now);
  let reads = 0;
  metrics.source(() => void reads++);
  await Promise.all(Array.from({ length: 50 }, () => metrics.text()));
  now = 999;
  await metrics.text();
  expect(reads).toBe(1);
  now = 1_000;
  await metrics.text();
  expect(reads).toBe(2);
});
