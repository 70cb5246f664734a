import { ApiFault, type ErrorCode, listSystems, registerSystem, type SystemBody, type SystemInput } from '@recant/api';
import { ConnectorError } from '@recant/connector';
import type { JsonObject } from '@recant/events';
import { type BoundRoute, handle } from '@recant/service';
import type { SystemRecord, Systems } from '@recant/store';
import type { RollbackLane } from './event-transport.ts';
import { answering } from './fault.ts';
import type { OpenTargets } from './targets.ts';

/** Which systems may be written to when undoing. Only an administrator says so; an event can name them, never make or change them. */
export function systemRoutes(
  systems: Systems,
  targets: Pick<OpenTargets, 'connectors'>,
  lane: Pick<RollbackLane, 'requireServed'>,
): readonly BoundRoute[] {
  return [
    handle(listSystems, async ({ caller }) => ({ status: 200, body: { items: (await systems.list(caller.tenant)).map(viewOf) } })),
    handle(registerSystem, async ({ caller, body }) => {
      // What is opened here is opened with the rights of this process: a folder of this machine, an address of its network.
      await answering(() => lane.requireServed(caller.tenant));
      const identity = await identify(targets, body);
      const known = await systems.find(caller.tenant, body.name);
      if (known && (known.connector !== body.connector || known.identity !== identity)) {
        throw new ApiFault('system_exists', `${body.name} is registered for ${known.connector} at ${known.identity}.`);
      }
      const kept = viewOf(
        await systems.put(caller.tenant, { name: body.name, connector: body.connector, identity, options: body.options as JsonObject }),
      );
      const act = { name: kept.name, connector: kept.connector, identity };
      return known ? { status: 200, body: kept, act } : { status: 201, body: kept, act };
    }),
  ];
}

const FAULTS: Readonly<Record<ConnectorError['code'], ErrorCode>> = {
  options_invalid: 'system_options_invalid',
  resource_invalid: 'system_options_invalid',
  capture_refused: 'system_not_prepared',
  not_prepared: 'system_not_prepared',
  too_large: 'system_options_invalid',
  unreachable: 'system_unreachable',
};

/** Opens it once, as a run would: what cannot be opened is not registered. */
async function identify(targets: Pick<OpenTargets, 'connectors'>, { name, connector: kind, options }: SystemInput): Promise<string> {
  const connector = targets.connectors.get(kind);
  if (!connector)
    throw new ApiFault('connector_unknown', `There is no connector ${kind}; there are ${[...targets.connectors.keys()].join(', ')}.`);
  try {
    const target = await connector.open({ name, connector: kind, options });
    try {
      return await target.identity();
    } finally {
      await target.close();
    }
  } catch (error) {
    if (error instanceof ConnectorError) throw new ApiFault(FAULTS[error.code], error.message, { cause: error });
    throw error;
  }
}

function viewOf({ name, connector, identity, createdAtMs }: SystemRecord): SystemBody {
  return { name, connector, identity: identity ?? '', registeredAt: new Date(createdAtMs).toISOString() };
}
