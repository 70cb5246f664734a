import { getHealth, getHealthDetails, getOpenApi, openApiOf } from '@recant/api';
import { OPERATOR_TENANT } from '@recant/events';
import { cachedHealth, type HealthChecks } from './health.ts';
import { createRouter, handle, type Router } from './router.ts';

export interface ServiceRouterOptions {
  readonly title: string;
  readonly version: string;
  readonly routers: readonly Router[];
  readonly health: HealthChecks;
}

/** Routes of every service: health and the OpenAPI description. */
export function serviceRouter({ title, version, routers, health }: ServiceRouterOptions): Router {
  const described = routers.flatMap((router) => router.routes.map((route) => route.descriptor));
  // A service without keys (a witness) publishes its description; its health details are in its log.
  const isPublic = described.every(({ roles }) => roles === 'public');
  const getDescription: typeof getOpenApi = { ...getOpenApi, ...(isPublic ? { roles: 'public' as never } : {}) };
  const own = [getHealth, ...(isPublic ? [] : [getHealthDetails]), getDescription];
  const document = openApiOf([...described, ...own], { title, version });
  const readHealth = cachedHealth(health, () => performance.now());
  return createRouter('service', [
    handle(getHealth, async () => {
      const { status, serving } = await readHealth();
      return serving ? { status: 200, body: { status } } : { status: 503, body: { status } };
    }),
    ...(isPublic
      ? []
      : [
          handle(getHealthDetails, async ({ caller }) => {
            const { status, checks } = await readHealth();
            return { status: 200, body: caller.tenant === OPERATOR_TENANT ? { status, checks } : { status } };
          }),
        ]),
    handle(getDescription, async () => ({ status: 200, body: { ...document } })),
  ]);
}
