import type { Metrics } from '@recant/metrics';
import type { CoverageWatch } from './coverage-watch.ts';
import type { Drains } from './drains/drains.ts';

export interface MeasuredRollback {
  readonly drains: Pick<Drains, 'status'>;
  readonly coverage: Pick<CoverageWatch, 'findings'>;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
}

/** Systems are registered by administrators of the one tenant that this process serves. */
export function measureRollback(metrics: Metrics, { drains, coverage, clock }: MeasuredRollback): void {
  metrics.source((observe) => {
    for (const { system, drainedAtMs, failing } of drains.status()) {
      observe('recant_drain_failing', failing ? 1 : 0, { system });
      if (drainedAtMs !== undefined) observe('recant_drain_age_seconds', Math.max(0, clock() - drainedAtMs) / 1_000, { system });
    }
    for (const { system, count } of coverage.findings()) observe('recant_coverage_findings', count, { system });
  });
}
