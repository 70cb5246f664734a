import { type Anchor, createAnchorWatch, createLogGuard, type LedgerTampered, type Witness } from '@recant/ledger';
import type { BoundRoute, HealthCheck, Logger } from '@recant/service';
import type { PlaceNames, Store, TenantCondition } from '@recant/store';
import { ofOperator } from './alarm-watch.ts';
import { durabilityRoutes } from './durability.ts';
import { epochRoutes } from './epochs.ts';
import { evidenceRoutes } from './evidence.ts';
import { createHeadLoop } from './heads.ts';
import { createPublisher, type PublisherTiming } from './publisher.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface EvidenceOptions {
  readonly keys?: SigningKeys | undefined;
  readonly anchors?: readonly Anchor[];
  readonly witnesses?: readonly Witness[];
  readonly timing?: Partial<PublisherTiming> & { readonly headMs?: number };
}

export interface EvidenceDeps extends EvidenceOptions {
  readonly store: Store;
  readonly logger: Logger;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  readonly shards: number;
}

export interface WiredEvidence {
  readonly routes: readonly BoundRoute[];
  readonly health: HealthCheck;
  /** Each anchor and witness, with the time since it last had every checkpoint. */
  silent(): readonly { readonly name: string; readonly ms: number }[];
  /** Logs that failed their integrity check. */
  tampered(): number;
  /** Conditions for the operator, and for the tenant of a tampered log. */
  conditions(): readonly TenantCondition[];
  start(): void;
  stop(): Promise<void>;
}

/** Milliseconds between two heads; each head writes a row per tenant. */
const HEAD_MS = 60_000;

/** Without signing keys, no anchor or witness is used. */
function namesOf({ keys, anchors = [], witnesses = [] }: EvidenceOptions): PlaceNames {
  if (keys === undefined) return { anchors: [], witnesses: [] };
  return { anchors: anchors.map(({ name }) => name), witnesses: witnesses.map(({ name }) => name) };
}

/** Wires signing, anchoring and witnessing, and the guard that stops tampered logs. */
export function wireEvidence(deps: EvidenceDeps): WiredEvidence {
  const { store, logger, clock, shards, keys, anchors = [], witnesses = [], timing = {} } = deps;
  const watch = createAnchorWatch(keys?.ledger ?? '', keys === undefined ? [] : anchors, clock);
  const guard = createLogGuard({
    store: store.publishing,
    watch,
    clock,
    alarm: (error) =>
      logger.error(
        { alarm: 'ledger_tampered', tenant: error.log.tenant, shard: error.log.shard, rule: error.rule, action: error.action },
        `evidence: ${error.message}`,
      ),
  });
  store.guardLogs(guard);
  const publisher = keys && createPublisher({ keys, store: store.publishing, anchors, witnesses, watch, guard, logger, clock, timing });
  const head = keys && createHeadLoop({ keys, heads: store.heads, anchors, logger, clock }, timing.headMs ?? HEAD_MS);
  return {
    routes: [
      ...evidenceRoutes({ published: store.published, keys }),
      ...epochRoutes({ store, keys, anchors, watch, guard, clock, shards }),
      ...durabilityRoutes({ published: store.published, places: namesOf(deps), signs: keys !== undefined, shards }),
    ],
    health: async () => {
      const problems = [
        ...guard.broken().map(({ message }) => message),
        ...(publisher?.failing() ?? []).map(({ failure }) => failure),
        ...(head?.failure ? [head.failure] : []),
      ];
      return problems.length === 0 ? { status: 'ok' } : { status: 'degraded', detail: problems.join(' ') };
    },
    silent: () => publisher?.silent() ?? [],
    tampered: () => guard.broken().length,
    conditions: () => [
      ...guard.broken().flatMap(tamperedOf),
      ...(publisher?.failing() ?? []).map(silentOf),
      ...(head?.failure ? [silentOf({ name: 'head', outside: false, failure: head.failure })] : []),
    ],
    start() {
      if (keys === undefined) logger.warn('evidence: checkpoints are not signed: RECANT_SIGNING_KEY_FILE is not set');
      publisher?.start();
      head?.start();
    },
    async stop() {
      await Promise.all([publisher?.stop(), head?.stop()]);
    },
  };
}

function tamperedOf({ log, message, action }: LedgerTampered): TenantCondition[] {
  const condition = ofOperator('log_tampered', `${log.tenant}/${log.shard}`, message, action);
  return log.tenant === condition.tenant ? [condition] : [condition, { ...condition, tenant: log.tenant }];
}

function silentOf({
  name,
  outside,
  failure,
}: {
  readonly name: string;
  readonly outside: boolean;
  readonly failure: string;
}): TenantCondition {
  if (outside)
    return ofOperator('anchor_silent', name, failure, 'Restore access to it; recording continues, and checkpoints follow when it answers.');
  return ofOperator(
    'publishing_behind',
    name,
    failure,
    'Correct the cause; publishing repeats the round by itself, and recording continues.',
  );
}
