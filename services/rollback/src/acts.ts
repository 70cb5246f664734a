import { OPERATOR_TENANT } from '@recant/events';
import { type ActRecorder, createActRecorder, type Logger } from '@recant/service';
import type { LedgerProducer } from './ledger-producer.ts';

export interface RollbackActsDeps {
  readonly producer: LedgerProducer;
  readonly logger: Logger;
  readonly clock: () => number;
  readonly random16: () => Uint8Array;
}

/** Records acts in the ledger over HTTP. Without an acknowledgement the act does not run. */
export function createRollbackActs({ producer, ...deps }: RollbackActsDeps): ActRecorder {
  return createActRecorder({
    ...deps,
    operatorTenant: OPERATOR_TENANT,
    sink: {
      sourceOf: (tenant, id) => producer.sourceOf(tenant, 'acts', id),
      async send(tenant, events) {
        for (const { kind, code, detail } of await producer.transport.send(tenant, events))
          if (kind === 'refused') throw new Error(`acts: the ledger refused the event of an act: ${code}: ${detail}`);
      },
    },
  });
}
