import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { AlarmBody } from '@recant/api';
import type { DataKeys } from '@recant/data-keys';
import type { Metrics } from '@recant/metrics';
import {
  type ActRecorder,
  type BoundRoute,
  createRouter,
  type HealthCheck,
  type Logger,
  RATES_DEFAULT,
  type Rates,
  type Router,
} from '@recant/service';
import { createErasures, type Store, type TenantCondition } from '@recant/store';
import { createLedgerActs } from './acts.ts';
import { createAlarmWatch, watchDisk } from './alarm-watch.ts';
import { alarmBody, alarmRoutes } from './alarms.ts';
import { type Consumers, createConsumers, type KafkaDeps } from './consumers.ts';
import { fenceRoutes } from './fences.ts';
import { freezeRoutes } from './freezes.ts';
import { createGroupCommit, type GroupCommit, type GroupCommitOptions } from './group-commit.ts';
import { ingestRoutes } from './ingest.ts';
import { keyRoutes } from './keys.ts';
import { createLeases, type Leases } from './leases.ts';
import { logRoutes } from './logs.ts';
import { measureLedger } from './measure.ts';
import { meterAppender } from './metered-appender.ts';
import { createProjector } from './projector.ts';
import { queryRoutes } from './queries.ts';
import { reachRoutes } from './reach-topics.ts';
import { sealingRoutes } from './sealing.ts';
import { settlingRoutes } from './settling.ts';
import { sourceRoutes } from './sources.ts';
import { createWebhookDelivery, type WebhookDelivery, type WebhookTiming } from './webhooks/delivery.ts';
import type { Webhook } from './webhooks/read-webhooks.ts';
import { type EvidenceOptions, type WiredEvidence, wireEvidence } from './wire-evidence.ts';

export { createLedgerActs } from './acts.ts';
export { ALARM_ENV } from './alarm-env.ts';
export { keyBindings } from './keys.ts';
export { keysDatabaseOf, openDataKeys } from './keys-database.ts';
export { LEASE_ENV } from './lease-env.ts';
export { EVIDENCE_ENV, placesOf } from './places.ts';
export { newSigningKey, parseSigningKeys, readSigningKeys, type SigningKeys } from './signing-keys.ts';
export { WebhookError } from './webhooks/post.ts';
export { WEBHOOKS_ENV, type Webhook, webhookFiles, webhooksOf } from './webhooks/read-webhooks.ts';
export { isAccepted } from './webhooks/retry.ts';
export { sendMessage } from './webhooks/send.ts';

export interface LedgerDeps {
  /** Migrated. The caller closes it after `stop`. */
  readonly store: Store;
  readonly logger: Logger;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Partitions of each topic. */
  readonly shards: number;
  /** Without it, events arrive over HTTP only. */
  readonly kafka?: KafkaDeps;
  /** Without it, sealing is off. The caller closes it. */
  readonly dataKeys?: DataKeys | undefined;
  /** Rates of keys and tenants over Kafka. Default: RATES_DEFAULT. */
  readonly rates?: Rates | undefined;
  /** Limits of the event queue. */
  readonly groupCommit?: GroupCommitOptions;
  /** Without it, nothing is signed or anchored. */
  readonly evidence?: EvidenceOptions;
  /** Milliseconds between two rounds of the alarm watch. */
  readonly alarmMs?: number | undefined;
  /** Milliseconds between two looks at what other processes appended. 0: questions complete the read models that they need. */
  readonly projectMs?: number | undefined;
  /** Rows and files above which one action is an alarm. Default: ACTION_ROWS. */
  readonly actionRows?: number | undefined;
  /** Of the operator's configuration. */
  readonly webhooks?: readonly Webhook[] | undefined;
  readonly webhookTiming?: Partial<WebhookTiming> | undefined;
  /** Without it, nothing is measured. */
  readonly metrics?: Metrics;
}

export interface WiredLedger {
  readonly routers: readonly Router[];
  readonly health: Readonly<Record<string, HealthCheck>>;
  /** Open alarms of a tenant, for its health. */
  readonly alarms: (tenant: string) => Promise<readonly AlarmBody[]>;
  /** Conditions that this process sees now. */
  conditions(): readonly TenantCondition[];
  /** Shared by all services on the same listener. */
  readonly acts: ActRecorder;
  /** Starts publishing and, if configured, Kafka. Rejects with one line if the broker refuses the configuration or a topic is unsuitable. */
  start(): Promise<void>;
  /** Answers queued requests and finishes running transactions. Call it after closing the listener. */
  stop(): Promise<void>;
}

/** Milliseconds that a stop waits for running work: a database, broker or anchor that is away must not keep the process. */
const STOP_MS_MAX = 9_000;
/** Open alarms in an answer about health. */
const ALARMS_SHOWN_MAX = 100;

/** Connects the adapters of the ledger service to its ports. Nothing runs before `start`, except for requests. */
export function wireLedger(deps: LedgerDeps): WiredLedger {
  const { store, logger, clock, shards, kafka, dataKeys, evidence: options, groupCommit: waiting, alarmMs, metrics } = deps;
  const disk = watchDisk(metrics ? meterAppender(store.appender, metrics) : store.appender, () => performance.now());
  const evidence = wireEvidence({ store, logger: logger.child({ part: 'evidence' }), clock, shards, ...options });
  const projector = createProjector({
    projection: store.projection,
    logger: logger.child({ part: 'projection' }),
    clock,
    everyMs: deps.projectMs,
  });
  const appender = projector.waking(disk.appender);
  const groupCommit = createGroupCommit(appender, waiting);
  const acts = createLedgerActs({ groupCommit, logger: logger.child({ part: 'acts' }), clock, random16: () => randomBytes(16) });
  const consumers = kafka && createConsumers({ ...store, appender }, logger, kafka, shards, deps.rates ?? RATES_DEFAULT);
  const delivery = wireWebhooks(deps);
  const conditions = () => [disk, projector, evidence, consumers, delivery].flatMap((part) => part?.conditions() ?? []);
  const watch = createAlarmWatch({
    alarms: store.alarms,
    logger: logger.child({ part: 'alarms' }),
    conditions,
    everyMs: alarmMs,
    actionRows: deps.actionRows,
  });
  if (metrics) measureLedger(metrics, { store, groupCommit, evidence, consumers, watch, delivery, clock });
  const leases = createLeases(store.freezes, (error) => logger.warn({ err: error }, 'leases: cannot read the versions of freezes'));
  return {
    routers: [createRouter('ledger', routesOf(deps, { groupCommit, leases, consumers, evidence }))],
    health: {
      store: pingCheck(store),
      disk: disk.health,
      projection: projector.health,
      evidence: evidence.health,
      ...(dataKeys ? { keys: pingCheck(dataKeys) } : {}),
      ...(consumers ? { kafka: consumers.health } : {}),
      ...(delivery ? { webhooks: delivery.health } : {}),
    },
    alarms: async (tenant) => (await store.alarms.list(tenant, { limit: ALARMS_SHOWN_MAX, open: true })).alarms.map(alarmBody),
    conditions,
    acts,
    async start() {
      projector.start();
      evidence.start();
      delivery?.start();
      watch.start();
      await consumers?.start();
    },
    async stop() {
      const stopped = (async () => {
        leases.stop();
        await watch.stop();
        await delivery?.stop();
        await consumers?.stop();
        await acts.close();
        await groupCommit.close();
        await projector.stop();
        await evidence.stop();
      })();
      const isLate = await Promise.race([stopped, delay(STOP_MS_MAX, true, { ref: false })]);
      if (isLate) logger.warn({ ms: STOP_MS_MAX }, 'ledger: stopped without waiting for a dependency that does not answer');
    },
  };
}

interface Parts {
  readonly groupCommit: GroupCommit;
  readonly leases: Leases;
  readonly consumers: Consumers | undefined;
  readonly evidence: WiredEvidence;
}

function routesOf({ store, clock, dataKeys }: LedgerDeps, { groupCommit, leases, consumers, evidence }: Parts): readonly BoundRoute[] {
  return [
    ...ingestRoutes({ groupCommit, parts: store.parts }),
    ...sealingRoutes({ parts: store.parts, dataKeys, systems: store.systems, erasures: createErasures(store.pool), clock }),
    ...queryRoutes(store.queries, clock),
    ...settlingRoutes(store.queries, store.rulings, clock),
    ...alarmRoutes(store.alarms),
    ...freezeRoutes({ freezes: store.freezes, leases, clock }),
    ...fenceRoutes({ fences: store.fences, clock }),
    ...logRoutes(store.queries),
    ...sourceRoutes(store.queries, clock),
    ...reachRoutes(consumers?.reach),
    ...keyRoutes(store.credentials, clock),
    ...evidence.routes,
  ];
}

function wireWebhooks({ webhooks = [], store, logger, clock, webhookTiming: timing }: LedgerDeps): WebhookDelivery | undefined {
  if (webhooks.length === 0) return undefined;
  return createWebhookDelivery({ webhooks, store: store.webhooks, logger: logger.child({ part: 'webhooks' }), clock, timing });
}

function pingCheck(component: { ping(): Promise<void> }): HealthCheck {
  return async () => {
    await component.ping();
    return { status: 'ok' };
  };
}
