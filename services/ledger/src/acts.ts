import { OPERATOR_TENANT, OWN_AGENT } from '@recant/events';
import type { Credential, Receipt } from '@recant/ledger';
import { type ActRecorder, createActRecorder, type Logger } from '@recant/service';
import type { GroupCommit } from './group-commit.ts';

/** Where Recant's own sources begin. */
const PREFIX = 'recant://recant';

export interface LedgerActsDeps {
  readonly groupCommit: Pick<GroupCommit, 'submit'>;
  readonly logger: Logger;
  readonly clock: () => number;
  readonly random16: () => Uint8Array;
}

/** Acts of the ledger service go through its own commit point, under its own voice. */
export function createLedgerActs({ groupCommit, logger, clock, random16 }: LedgerActsDeps): ActRecorder {
  return createActRecorder({
    operatorTenant: OPERATOR_TENANT,
    logger,
    clock,
    random16,
    sink: {
      sourceOf: async (_tenant, lane) => `${PREFIX}/acts/${lane}`,
      async send(tenant, events) {
        const credential = ownCredential(tenant);
        const receipts = await groupCommit.submit(events.map((bytes) => ({ credential, bytes, origin: 'http' })));
        for (const receipt of receipts) requireTaken(receipt);
      },
    },
  });
}

function ownCredential(tenant: string): Credential {
  return { tenant, keyId: OWN_AGENT, own: true, roles: ['rollback'], sourcePrefix: PREFIX, agents: [OWN_AGENT], resources: [] };
}

function requireTaken(receipt: Receipt): void {
  if (receipt.kind === 'refused') throw new Error(`an act was refused: ${receipt.refusal.code}: ${receipt.refusal.detail}`);
}
