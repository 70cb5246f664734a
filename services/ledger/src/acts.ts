import { OPERATOR_TENANT, OWN_AGENT } from '@recant/events';
import type { Credential, Receipt } from '@recant/ledger';
import { type ActRecorder, createActRecorder, type Logger } from '@recant/service';
import type { GroupCommit } from './group-commit.ts';

/** Prefix of Recant's own sources. */
const PREFIX = 'recant://recant';

export interface LedgerActsDeps {
  readonly groupCommit: Pick<GroupCommit, 'submit'>;
  readonly logger: Logger;
  readonly clock: () => number;
  readonly random16: () => Uint8Array;
}

/** Records acts through the ledger's own commit point, under a credential of its own. */
export function createLedgerActs({ groupCommit, logger, clock, random16 }: LedgerActsDeps): ActRecorder {
  return createActRecorder({
    operatorTenant: OPERATOR_TENANT,
    logger,
    clock,
    random16,
    sink: {
      sourceOf: async (_tenant, id) => `${PREFIX}/acts/${id}`,
      async send(tenant, events) {
        const credential = ownCredential(tenant);
        const receipts = await groupCommit.submit(events.map((bytes) => ({ credential, bytes, origin: 'http' })));
        for (const receipt of receipts) requireRecorded(receipt);
      },
    },
  });
}

function ownCredential(tenant: string): Credential {
  return { tenant, keyId: OWN_AGENT, own: true, roles: ['rollback'], sourcePrefix: PREFIX, agents: [OWN_AGENT], resources: [] };
}

function requireRecorded(receipt: Receipt): void {
  if (receipt.kind === 'refused')
    throw new Error(`acts: the ledger refused the event of an act: ${receipt.refusal.code}: ${receipt.refusal.detail}`);
}
