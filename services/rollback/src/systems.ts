import {
  ApiFault,
  acceptIncomplete,
  type ErrorCode,
  endTransaction,
  listSystems,
  registerSystem,
  removeSystem,
  type SystemBody,
  type SystemInput,
} from '@recant/api';
import { ConnectorError } from '@recant/connector';
import type { JsonObject } from '@recant/events';
import { type BoundRoute, handle } from '@recant/service';
import type { SystemRecord, Systems } from '@recant/store';
import type { CoverageWatch } from './coverage-watch.ts';
import { withApiFaults } from './fault.ts';
import type { LedgerProducer } from './ledger-producer.ts';
import type { OpenTargets } from './targets.ts';

/** Registration of the systems that a rollback may write to. Only an administrator registers a system; an event can name one, never create or change it. */
export function systemRoutes(
  systems: Systems,
  targets: Pick<OpenTargets, 'connectors' | 'open'>,
  producer: Pick<LedgerProducer, 'requireServed'>,
  coverage: Pick<CoverageWatch, 'of' | 'check'>,
  /** Erasures that wait for a system are tried again. */
  hurryErasures: (tenant: string, system: string) => Promise<void>,
): readonly BoundRoute[] {
  return [
    handle(listSystems, async ({ caller }) => {
      const items = (await systems.list(caller.tenant)).map((system) => {
        const checked = coverage.of(caller.tenant, system.name);
        return { ...viewOf(system), ...(checked && { coverage: [...checked.findings] }) };
      });
      return { status: 200, body: { tenant: caller.tenant, items } };
    }),
    handle(removeSystem, async ({ caller, params }) => {
      if (!(await systems.remove(caller.tenant, params.system)))
        throw new ApiFault('system_unknown', `Unknown system ${JSON.stringify(params.system)}.`);
      return { status: 204 };
    }),
    handle(acceptIncomplete, async ({ caller, params, body: { scope = '', reason } }) => {
      const system = await systems.find(caller.tenant, params.system);
      if (system === undefined) throw new ApiFault('system_unknown', `Unknown system ${JSON.stringify(params.system)}.`);
      const accepted = await asFaults(async () => {
        const target = await targets.open(caller.tenant, system.name, system.connector);
        return (await target?.acceptIncomplete?.(scope, caller.id, reason)) ?? [];
      });
      await coverage.check();
      return {
        status: 200,
        body: { accepted: [...accepted] },
        act: { detail: { scope, accepted: accepted.map(({ detail }) => detail) } },
      };
    }),
    handle(endTransaction, async ({ caller, params }) => {
      const system = await systems.find(caller.tenant, params.system);
      if (system === undefined) throw new ApiFault('system_unknown', `Unknown system ${JSON.stringify(params.system)}.`);
      const ended = await asFaults(async () => {
        const target = await targets.open(caller.tenant, system.name, system.connector);
        return target?.drain?.endTransaction(Number(params.pid));
      });
      const body = { ended: ended === undefined ? [] : [{ system: system.name, ...ended }] };
      return { status: 200, body, act: { detail: body } };
    }),
    handle(registerSystem, async ({ caller, body }) => {
      // The connector opens folders and addresses with the rights of this process, so that only the tenant it serves may register.
      await withApiFaults(() => producer.requireServed(caller.tenant));
      const { identity, freezes } = await identify(targets, body);
      const known = await systems.find(caller.tenant, body.name);
      if (known && (known.connector !== body.connector || known.identity !== identity)) {
        throw new ApiFault('system_exists', `${body.name} is already registered for ${known.connector} at ${known.identity}.`);
      }
      const view = viewOf(
        await systems.put(caller.tenant, {
          ...{ name: body.name, connector: body.connector, identity, freezes },
          options: body.options as JsonObject,
        }),
      );
      await hurryErasures(caller.tenant, view.name);
      const act = { object: { system: view.name }, detail: { connector: view.connector, identity } };
      return known ? { status: 200, body: view, act } : { status: 201, body: view, act };
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
  already_connected: 'system_not_prepared',
  permission_denied: 'system_not_prepared',
  capture_altered: 'system_not_prepared',
  attempts_undoable: 'system_not_prepared',
  read_only: 'system_unreachable',
  locked: 'system_unreachable',
  disk_full: 'system_unreachable',
  tail_lost: 'system_unreachable',
};

/** Opens the system as a run would, so that an unusable one is never registered. @returns its identity */
async function identify(
  targets: Pick<OpenTargets, 'connectors'>,
  { name, connector: kind, options }: SystemInput,
): Promise<{ readonly identity: string; readonly freezes: boolean }> {
  const connector = targets.connectors.get(kind);
  if (!connector)
    throw new ApiFault('connector_unknown', `Unknown connector ${kind}; expected one of ${[...targets.connectors.keys()].join(', ')}.`);
  return asFaults(async () => {
    const target = await connector.open({ name, connector: kind, options });
    try {
      return { identity: await target.identity(), freezes: target.freezing !== undefined };
    } finally {
      await target.close();
    }
  });
}

async function asFaults<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConnectorError) throw new ApiFault(FAULTS[error.code], error.message, { cause: error });
    throw error;
  }
}

function viewOf({ name, connector, identity, createdAtMs }: SystemRecord): SystemBody {
  return { name, connector, identity: identity ?? '', registeredAt: new Date(createdAtMs).toISOString() };
}
