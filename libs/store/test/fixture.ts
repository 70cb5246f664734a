import { type Effect, effectsDigest, encodeEvent, eventId, formatSequence, type RecantEvent, uuidv7 } from '@recant/events';
import type { Credential, Submission } from '@recant/ledger';
import { testLedgerDatabase } from '@recant/test-support';
import { auditTenant } from '@recant/verifier';
import { expect } from 'vitest';
import { createStore, type Store, type StoreOptions, withSnapshot } from '../src/index.ts';

export const SHARDS = 4;
export const NOW_MS = Date.parse('2026-11-01T12:00:00.000Z');

export interface Fixture extends AsyncDisposable {
  readonly store: Store;
  readonly credential: Credential;
  readonly ownerUrl: string;
  readonly url: string;
  /** Moves the ledger's clock. */
  setNow(ms: number): void;
  open(options?: Partial<StoreOptions>): Store;
  /** The last line of every test: the tenant's ledger is sound. */
  expectSound(tenant?: string): Promise<void>;
}

export async function openFixture(options: Partial<StoreOptions> = {}): Promise<Fixture> {
  const database = await testLedgerDatabase();
  const stores: Store[] = [];
  let nowMs = NOW_MS;
  const open = (more: Partial<StoreOptions> = {}): Store => {
    const masterKey = new Uint8Array(32).fill(7);
    const store = createStore({ connectionString: database.url, masterKey, shards: SHARDS, clock: () => nowMs, ...options, ...more });
    stores.push(store);
    return store;
  };
  const store = open();
  const { credential } = await store.credentials.create({
    tenant: 'acme',
    roles: ['emit'],
    sourcePrefix: 'recant://acme',
    agents: ['agent-*'],
    resources: ['filesystem://shop/*'],
  });
  return {
    store,
    credential,
    ownerUrl: database.ownerUrl,
    url: database.url,
    setNow(ms) {
      nowMs = ms;
    },
    open,
    async expectSound(tenant = 'acme') {
      await store.projection.reach(tenant);
      expect(await withSnapshot(store.pool, tenant, (snapshot) => auditTenant(tenant, snapshot))).toEqual([]);
    },
    async [Symbol.asyncDispose]() {
      for (const opened of stores) await opened.close();
      await database.drop();
    },
  };
}

/** A producer that numbers its events. */
export class Lane {
  readonly source: string;
  readonly agent: string;
  #sequence = 0;
  #made = 0;
  readonly #seed: number;

  constructor(name: string, agent = 'agent-1') {
    this.source = `recant://acme/${name}`;
    this.agent = agent;
    this.#seed = [...name].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7) >>> 0;
  }

  action(): string {
    this.#made += 1;
    const random = new Uint8Array(16);
    new DataView(random.buffer).setUint32(8, this.#seed);
    new DataView(random.buffer).setUint32(12, this.#made);
    return uuidv7(NOW_MS + this.#made, random);
  }

  event(part: Pick<RecantEvent, 'id' | 'type' | 'data'>, time = NOW_MS): RecantEvent {
    this.#sequence += 1;
    const { source, agent } = this;
    const base = { specversion: '1.0', source, agent, time: new Date(time).toISOString(), sequence: formatSequence(this.#sequence) };
    return { ...base, ...part } as RecantEvent;
  }

  intended(action: string, more: Record<string, unknown> = {}, attempt = 1): RecantEvent {
    const data = {
      action,
      attempt,
      tool: 'reprice',
      arguments: { inline: { n: 1 } },
      resources: [],
      reversibility: 'reversible',
      deadlineMs: 60_000,
      context: { session: `session-${this.#seed}` },
      ...more,
    };
    return this.event({ id: eventId.intended(action, attempt), type: 'recant.attempt.intended.v1', data } as never);
  }

  effects(action: string, effects: readonly Effect[], chunk = 0, attempt = 1): RecantEvent {
    return this.event({
      id: eventId.effects(action, attempt, chunk),
      type: 'recant.attempt.effects.v1',
      data: { action, attempt, chunk, effects },
    });
  }

  settled(action: string, chunks: readonly (readonly Effect[])[], outcome = 'succeeded', attempt = 1): RecantEvent {
    const data = {
      action,
      attempt,
      outcome,
      chunks: chunks.length,
      effects: chunks.flat().length,
      digest: effectsDigest(chunks),
      durationMs: 5,
    };
    return this.event({ id: eventId.settled(action, attempt), type: 'recant.attempt.settled.v1', data } as never);
  }

  /** A whole attempt with one effect. */
  attempt(resource = 'filesystem://shop/orders/1'): { readonly action: string; readonly events: readonly RecantEvent[] } {
    const action = this.action();
    const effects = [effect(resource)];
    return {
      action,
      events: [this.intended(action, { resources: [resource] }), this.effects(action, effects), this.settled(action, [effects])],
    };
  }
}

export function effect(resource: string, ordinal = '1'): Effect {
  return {
    resource,
    operation: 'update',
    ordinal,
    parts: { price: { before: 'v1.AAAAAAAAAAAAAAAAAAAAAA', after: 'v1.BBBBBBBBBBBBBBBBBBBBBB' } },
  };
}

export function submit(credential: Credential | undefined, event: RecantEvent | Uint8Array, origin = 'http'): Submission {
  return { credential, bytes: event instanceof Uint8Array ? event : encodeEvent(event), origin };
}
