import { OPERATOR_TENANT } from '@recant/events';
import { type ActRecorder, createActRecorder, type Logger } from '@recant/service';
import type { RollbackLane } from './event-transport.ts';

export interface RollbackActsDeps {
  readonly lane: RollbackLane;
  readonly logger: Logger;
  readonly clock: () => number;
  readonly random16: () => Uint8Array;
}

/** Acts of the rollback service go to the ledger as its other events do: without an acknowledgement nothing is carried out. */
export function createRollbackActs({ lane, ...deps }: RollbackActsDeps): ActRecorder {
  return createActRecorder({
    ...deps,
    operatorTenant: OPERATOR_TENANT,
    sink: {
      sourceOf: (tenant, id) => lane.sourceOf(tenant, 'acts', id),
      async send(tenant, events) {
        for (const { kind, code, detail } of await lane.transport.send(tenant, events))
          if (kind === 'refused') throw new Error(`an act was refused: ${code}: ${detail}`);
      },
    },
  });
}
