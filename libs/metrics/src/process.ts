import { createMetrics, type Metrics } from './metrics.ts';

/** The registry of a process, with its version, memory, CPU time and start. */
export function processMetrics({ service, version }: { readonly service: string; readonly version: string }): Metrics {
  const metrics = createMetrics(() => performance.now());
  const startedAt = Date.now() / 1_000 - process.uptime();
  let counted = 0;
  metrics.source((observe) => {
    observe('recant_build_info', 1, { service, version, node: process.versions.node });
    observe('process_start_time_seconds', startedAt, {});
    observe('process_resident_memory_bytes', process.memoryUsage.rss(), {});
    const { user, system } = process.cpuUsage();
    const total = (user + system) / 1_000_000;
    metrics.add('process_cpu_seconds_total', total - counted, {});
    counted = total;
  });
  return metrics;
}
