import {
  DURATION_MS_MAX,
  type EventOf,
  type EventType,
  encodeEvent,
  eventId,
  formatSequence,
  OWN_AGENT,
  type RecantEvent,
  uuidv7,
} from '@recant/events';
import type { ActSink } from './port.ts';

/** A tampered log refuses appends but must not stop operators: another source may hash to another shard. */
const SOURCES_TRIED_MAX = 8;

export type Draft = { readonly [T in EventType]: Pick<EventOf<T>, 'type' | 'id' | 'data'> }[EventType];

export interface ActSourceDeps {
  readonly sink: ActSink;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** 16 random bytes. */
  readonly random16: () => Uint8Array;
}

interface OpenSource {
  readonly source: string;
  sequence: number;
}

/**
 * One tenant's source of acts, opened by the first act. One send at a time. A failed send abandons the source: whether its sequence numbers were
 * recorded is unknown, and a number is never used twice.
 */
export class ActSource {
  private readonly tenant: string;
  private readonly deps: ActSourceDeps;
  private open: OpenSource | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(tenant: string, deps: ActSourceDeps) {
    this.tenant = tenant;
    this.deps = deps;
  }

  push(draft: Draft): Promise<void> {
    const done = this.last.then(() => this.send(draft));
    this.last = done.catch(() => {});
    return done;
  }

  /** Records `source.closed` if the source was ever opened. */
  close(): Promise<void> {
    const done = this.last.then(async () => {
      if (this.open) await this.sendOn(this.open, [{ type: 'recant.source.closed.v1', id: eventId.closed(), data: { reason: 'stopped' } }]);
    });
    this.last = done.catch(() => {});
    return done;
  }

  private async send(draft: Draft): Promise<void> {
    for (let tried = 1; ; tried += 1) {
      const opened = this.open === undefined;
      const source = this.open ?? (await this.begin());
      try {
        // No heartbeats: this source sends only when somebody acts, so its silence is no alarm.
        const opening = {
          type: 'recant.source.opened.v1',
          id: eventId.opened(),
          data: { sdk: OWN_AGENT, leaseMs: DURATION_MS_MAX },
        } as const;
        await this.sendOn(source, opened ? [opening, draft] : [draft]);
        this.open = source;
        return;
      } catch (error) {
        this.open = undefined;
        if ((error as { code?: unknown }).code !== 'ledger_tampered' || tried === SOURCES_TRIED_MAX) throw error;
      }
    }
  }

  private async begin(): Promise<OpenSource> {
    const { sink, clock, random16 } = this.deps;
    return { source: await sink.sourceOf(this.tenant, uuidv7(clock(), random16())), sequence: 0 };
  }

  private async sendOn(open: OpenSource, drafts: readonly Draft[]): Promise<void> {
    const { sink, clock } = this.deps;
    const events = drafts.map((draft, at) => {
      const sequence = formatSequence(open.sequence + at + 1);
      const time = new Date(clock()).toISOString();
      return encodeEvent({ specversion: '1.0', source: open.source, agent: OWN_AGENT, time, sequence, ...draft } as RecantEvent);
    });
    open.sequence += events.length;
    await sink.send(this.tenant, events);
  }
}
