import { createClient } from '@recant/client';
import { parseApiKey } from '@recant/events';
import type { Credential } from '@recant/ledger';
import { type EventTransport, RunnerError } from '@recant/runner';
import type { Store } from '@recant/store';

export interface LedgerAccess {
  /** Of the ledger; a function where it is known only later. */
  readonly url: string | (() => string);
  /** With the role `rollback`. */
  readonly apiKey: string;
}

export interface RollbackLane {
  readonly transport: EventTransport;
  /** For whom this service works: the tenant of its key; undefined while the key is not known. */
  tenant(): Promise<string | undefined>;
  /** @throws RunnerError `ledger_unavailable` where it works for another tenant */
  requireServed(tenant: string): Promise<void>;
  /** Producer lane of a plan, a run, or of acts: under the prefix of the tenant's key. @throws RunnerError `ledger_unavailable` */
  sourceOf(tenant: string, kind: 'plan' | 'run' | 'acts', id: string): Promise<string>;
}

/** Events over HTTP, as any other producer's: the rollback service has no way round the ledger. */
export function createRollbackLane(credentials: Pick<Store['credentials'], 'find'>, access: LedgerAccess): RollbackLane {
  const urlOf = (): string => (typeof access.url === 'string' ? access.url : access.url());
  async function ownKey(): Promise<Credential | undefined> {
    const keyId = parseApiKey(access.apiKey)?.keyId;
    const known = keyId === undefined ? undefined : await credentials.find(keyId);
    return known !== undefined && 'credential' in known && known.credential.roles.includes('rollback') ? known.credential : undefined;
  }
  async function prefixOf(tenant: string): Promise<string> {
    const own = await ownKey();
    if (own?.tenant === tenant) return own.sourcePrefix.replace(/\/$/, '');
    throw new RunnerError('ledger_unavailable', `The rollback service has no key with the role rollback for tenant ${tenant}.`);
  }
  return {
    transport: {
      async send(tenant, events) {
        await prefixOf(tenant);
        const receipts = await createClient({ url: urlOf(), apiKey: access.apiKey }).submitBatch(events);
        return receipts.map(({ kind, code = '', detail = '' }) => ({ kind, code, detail }));
      },
    },
    tenant: async () => (await ownKey())?.tenant,
    requireServed: async (tenant) => void (await prefixOf(tenant)),
    sourceOf: async (tenant, kind, id) => `${await prefixOf(tenant)}/${kind}/${id}`,
  };
}
