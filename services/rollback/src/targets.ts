import { type Connector, ConnectorError, type TargetSystem } from '@recant/connector';
import type { Targets } from '@recant/runner';
import type { SystemRecord, Systems } from '@recant/store';

export interface OpenTargets extends Targets {
  readonly connectors: ReadonlyMap<string, Connector>;
  close(): Promise<void>;
}

/** Opens registered systems and caches them; reopens one when its registration changes. Only registered systems can be opened (I13). */
export function createTargets(systems: Pick<Systems, 'find'>, connectors: readonly Connector[]): OpenTargets {
  const byKind = new Map(connectors.map((connector) => [connector.kind, connector]));
  const open = new Map<string, { readonly updatedAtMs: number; readonly target: Promise<TargetSystem> }>();
  return {
    connectors: byKind,
    async open(tenant, name, kind) {
      const system = await systems.find(tenant, name);
      const connector = byKind.get(kind);
      if (!system || !connector || system.connector !== kind) return undefined;
      const key = `${tenant} ${name}`;
      const known = open.get(key);
      if (known?.updatedAtMs === system.updatedAtMs) return known.target;
      void known?.target.then((target) => target.close()).catch(() => undefined);
      const target = openTarget(connector, system);
      open.set(key, { updatedAtMs: system.updatedAtMs, target });
      target.catch(() => open.delete(key));
      return target;
    },
    async close() {
      const targets = [...open.values()];
      open.clear();
      await Promise.allSettled(targets.map(async ({ target }) => (await target).close()));
    },
  };
}

/** @throws ConnectorError, also if another system answers at the registered address */
async function openTarget(connector: Connector, { name, connector: kind, options, identity }: SystemRecord): Promise<TargetSystem> {
  const target = await connector.open({ name, connector: kind, options }).catch((error) => refusalOf(name, error));
  const found = await target.identity().catch((error) => refusalOf(name, error));
  if (identity === undefined || identity === found) return target;
  await target.close();
  throw new ConnectorError(
    'not_prepared',
    `System ${name}: expected identity ${identity}, got ${found}; another system answers at the registered address.`,
  );
}

/** A connector that fails in its own way says something of this system, not of the service. */
function refusalOf(name: string, error: unknown): never {
  if (error instanceof ConnectorError) throw error;
  throw new ConnectorError(
    'not_prepared',
    `System ${name}: the connector failed: ${error instanceof Error ? error.message : String(error)}`,
    {
      cause: error,
    },
  );
}
