import { ALARM_CODES } from '@recant/api';
import type { Metrics } from '@recant/metrics';
import type { Store } from '@recant/store';
import type { Consumers } from './consumers.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Loop } from './loop.ts';
import type { WebhookDelivery } from './webhooks/delivery.ts';
import type { WiredEvidence } from './wire-evidence.ts';

export interface MeasuredLedger {
  readonly store: Pick<Store, 'measures' | 'pools'>;
  readonly groupCommit: Pick<GroupCommit, 'waitingBytes' | 'waitingBytesMax'>;
  readonly evidence: Pick<WiredEvidence, 'silent' | 'tampered'>;
  readonly consumers: Pick<Consumers, 'status'> | undefined;
  readonly watch: Pick<Loop, 'silentMs'>;
  readonly delivery: Pick<WebhookDelivery, 'states'> | undefined;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
}

/** States of a run that has not ended. */
const RUN_STATES = ['queued', 'running', 'pausing', 'paused', 'cancelling', 'waiting'] as const;

export function measureLedger(metrics: Metrics, ledger: MeasuredLedger): void {
  measureMemory(metrics, ledger);
  measureStore(metrics, ledger);
  const { consumers } = ledger;
  if (consumers !== undefined) metrics.source((observe) => measureKafka(observe, consumers));
}

/** What needs no database, so that it is there when the database is not. */
function measureMemory(metrics: Metrics, { store, groupCommit, evidence, watch, delivery, clock }: MeasuredLedger): void {
  metrics.source((observe) => {
    for (const { name: pool, inUse, waiting, limit } of store.pools()) {
      observe('recant_pool_connections', inUse, { pool });
      observe('recant_pool_waiting', waiting, { pool });
      observe('recant_pool_limit', limit, { pool });
    }
    observe('recant_queue_bytes', groupCommit.waitingBytes, { queue: 'events' });
    observe('recant_queue_limit_bytes', groupCommit.waitingBytesMax, { queue: 'events' });
    observe('recant_alarm_watch_age_seconds', watch.silentMs() / 1_000, {});
    observe('recant_tampered_logs', evidence.tampered(), {});
    for (const { name: place, ms } of evidence.silent()) observe('recant_anchor_delay_seconds', ms / 1_000, { place });
    for (const { name: webhook, waiting, failing, dropped } of delivery?.states() ?? []) {
      observe('recant_webhook_messages', waiting, { webhook });
      observe('recant_webhook_failing_seconds', failing === undefined ? 0 : Math.max(0, clock() - failing.sinceMs) / 1_000, { webhook });
      observe('recant_webhook_dropped_messages', dropped, { webhook });
    }
  });
}

/** Every code and state has a series, also while it is 0: an alert rule that names a series which does not exist never fires. */
function measureStore(metrics: Metrics, { store, clock }: MeasuredLedger): void {
  metrics.source(async (observe) => {
    const { alarms, runs, unpublished, unprojected } = await store.measures();
    const ageOf = (oldestMs: number | undefined) => (oldestMs === undefined ? 0 : Math.max(0, clock() - oldestMs) / 1_000);
    for (const code of new Set([...Object.keys(ALARM_CODES), ...alarms.map((each) => each.code)])) {
      const found = alarms.find((each) => each.code === code);
      observe('recant_alarms_open', found?.open ?? 0, { code });
      observe('recant_alarms_acknowledged', found?.acknowledged ?? 0, { code });
    }
    for (const state of RUN_STATES) observe('recant_runs', runs.find((each) => each.state === state)?.count ?? 0, { state });
    observe('recant_unpublished_logs', unpublished.logs, {});
    observe('recant_publish_delay_seconds', ageOf(unpublished.oldestMs), {});
    observe('recant_unprojected_entries', unprojected.entries, {});
    observe('recant_projection_delay_seconds', ageOf(unprojected.oldestMs), {});
  });
}

function measureKafka(observe: Parameters<Parameters<Metrics['source']>[0]>[0], consumers: Pick<Consumers, 'status'>): void {
  const { lags, topics } = consumers.status();
  for (const { topic, partition, messages } of lags) observe('recant_kafka_lag', messages, { topic, partition: String(partition) });
  for (const { topic, silentMs, halted } of topics) {
    observe('recant_kafka_silent_seconds', silentMs / 1_000, { topic });
    for (const { partition, state } of halted) observe('recant_kafka_partition_halted', 1, { topic, partition: String(partition), state });
  }
}
