import type { ReachedTopicsBody } from '@recant/api';
import { createClient } from '@recant/client';
import { parseApiKey } from '@recant/events';
import type { Credential } from '@recant/ledger';
import { type EventTransport, RunnerError } from '@recant/runner';
import type { Store } from '@recant/store';

export interface LedgerAccess {
  /** URL of the ledger; a function if the port is only known later. */
  readonly url: string | (() => string);
  /** API key with the role `rollback`. */
  readonly apiKey: string;
}

/** How the rollback service sends events to the ledger. */
export interface LedgerProducer {
  readonly transport: EventTransport;
  /** Waits until what Kafka has is recorded. @throws if the ledger does not answer */
  reachTopics(tenant: string, waitMs: number): Promise<ReachedTopicsBody>;
  /** The only tenant that this process serves, that of its key; undefined while the key is unknown or ended. */
  tenant(): Promise<string | undefined>;
  /** @throws RunnerError `ledger_unavailable` if this process serves another tenant */
  requireServed(tenant: string): Promise<void>;
  /** Source of a plan, a run or acts, under the prefix of the tenant's key. @throws RunnerError `ledger_unavailable` */
  sourceOf(tenant: string, kind: 'plan' | 'run' | 'acts', id: string): Promise<string>;
  /** Prefix of the tenant's key, without a slash at its end: that of the sources of its systems. @throws RunnerError `ledger_unavailable` */
  sourcePrefix(tenant: string): Promise<string>;
}

/** Sends events over HTTP, like any other producer: the rollback service cannot bypass the ledger's checks. */
export function createLedgerProducer(credentials: Pick<Store['credentials'], 'find'>, access: LedgerAccess): LedgerProducer {
  const urlOf = (): string => (typeof access.url === 'string' ? access.url : access.url());
  async function ownKey(): Promise<Credential | undefined> {
    const keyId = parseApiKey(access.apiKey)?.keyId;
    const known = keyId === undefined ? undefined : await credentials.find(keyId);
    return known !== undefined && 'credential' in known && known.credential.roles.includes('rollback') ? known.credential : undefined;
  }
  async function prefixOf(tenant: string): Promise<string> {
    const own = await ownKey();
    if (own?.tenant === tenant) return own.sourcePrefix.replace(/\/$/, '');
    throw new RunnerError('ledger_unavailable', `The rollback service has no valid key with the role rollback for tenant ${tenant}.`);
  }
  return {
    transport: {
      async send(tenant, events) {
        await prefixOf(tenant);
        const receipts = await createClient({ url: urlOf(), apiKey: access.apiKey }).submitBatch(events);
        return receipts.map(({ kind, code = '', detail = '' }) => ({ kind, code, detail }));
      },
    },
    async reachTopics(tenant, waitMs) {
      await prefixOf(tenant);
      return createClient({ url: urlOf(), apiKey: access.apiKey }).reachTopics(waitMs);
    },
    tenant: async () => (await ownKey())?.tenant,
    requireServed: async (tenant) => void (await prefixOf(tenant)),
    sourcePrefix: prefixOf,
    sourceOf: async (tenant, kind, id) => `${await prefixOf(tenant)}/${kind}/${id}`,
  };
}
