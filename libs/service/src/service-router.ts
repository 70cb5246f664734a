import {
  ALARM_CODES,
  type AlarmBody,
  getHealth,
  getHealthDetails,
  getLiveness,
  getMetrics,
  getOpenApi,
  getReadiness,
  isNotice,
  openApiOf,
} from '@recant/api';
import { OPERATOR_TENANT } from '@recant/events';
import type { Metrics } from '@recant/metrics';
import { cachedHealth, type HealthChecks } from './health.ts';
import { createRouter, handle, type Router } from './router.ts';

export interface ServiceRouterOptions {
  readonly title: string;
  readonly version: string;
  readonly routers: readonly Router[];
  readonly health: HealthChecks;
  /** Open alarms of a tenant. */
  readonly alarms?: ((tenant: string) => Promise<readonly AlarmBody[]>) | undefined;
  /** Conditions that this process sees now. */
  readonly conditions?: (() => readonly { readonly code: string }[]) | undefined;
  readonly metrics?: Metrics | undefined;
}

/** Checks without which a service cannot answer its requests: those of its database. */
const READY_CHECKS: ReadonlySet<string> = new Set(['store', 'rollback']);

/** Routes of every service: health and the OpenAPI description. */
export function serviceRouter(options: ServiceRouterOptions): Router {
  const { title, version, routers, health, alarms, metrics } = options;
  const described = routers.flatMap((router) => router.routes.map((route) => route.descriptor));
  // A service without keys (a witness) publishes its description; its health details are in its log.
  const isPublic = described.every(({ roles }) => roles === 'public');
  const getDescription: typeof getOpenApi = { ...getOpenApi, ...(isPublic ? { roles: 'public' as never } : {}) };
  const own = [
    getHealth,
    getLiveness,
    getReadiness,
    ...(isPublic ? [] : [getHealthDetails]),
    ...(metrics ? [getMetrics] : []),
    getDescription,
  ];
  const document = openApiOf([...described, ...own], { title, version });
  const readHealth = cachedHealth(health, () => performance.now());
  if (metrics) measureHealth(metrics, readHealth, options.conditions);
  return createRouter('service', [
    handle(getHealth, async () => {
      const { status, serving } = await readHealth();
      return serving ? { status: 200, body: { status } } : { status: 503, body: { status } };
    }),
    handle(getLiveness, async () => ({ status: 200, body: { status: 'ok' } })),
    handle(getReadiness, async () => {
      const { checks } = await readHealth();
      const unready = Object.entries(checks ?? {}).some(([name, { status }]) => READY_CHECKS.has(name) && status !== 'ok');
      return unready ? { status: 503, body: { status: 'degraded' } } : { status: 200, body: { status: 'ok' } };
    }),
    ...(isPublic
      ? []
      : [
          handle(getHealthDetails, async ({ caller }) => {
            const { status, checks } = await readHealth();
            const open = (await alarms?.(caller.tenant).catch(() => undefined)) ?? [];
            const alarmed = open.some(({ code, acknowledged }) => acknowledged === undefined && !isNotice(code));
            const own = { status: alarmed ? ('degraded' as const) : status, ...(alarms && { alarms: [...open] }) };
            return { status: 200, body: caller.tenant === OPERATOR_TENANT ? { ...own, checks } : own };
          }),
        ]),
    ...(metrics ? [handle(getMetrics, async () => ({ status: 200, body: await metrics.text() }))] : []),
    handle(getDescription, async () => ({ status: 200, body: { ...document } })),
  ]);
}

/** Every code has a series, also while it is 0: an alert rule that names a series which does not exist never fires. */
function measureHealth(
  metrics: Metrics,
  readHealth: ReturnType<typeof cachedHealth>,
  conditions: ServiceRouterOptions['conditions'],
): void {
  metrics.source(async (observe) => {
    for (const [check, { status }] of Object.entries((await readHealth()).checks ?? {}))
      observe('recant_health', status === 'ok' ? 1 : 0, { check });
  });
  if (conditions !== undefined)
    metrics.source((observe) => {
      const found = conditions();
      for (const code of Object.keys(ALARM_CODES))
        observe('recant_conditions', found.filter((each) => each.code === code).length, { code });
    });
}
