export type { Metrics, Observe } from './metrics.ts';
export { processMetrics } from './process.ts';
