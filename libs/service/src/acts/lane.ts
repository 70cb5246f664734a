import {
  DURATION_MS_MAX,
  type EventOf,
  type EventType,
  encodeEvent,
  eventId,
  formatSequence,
  type RecantEvent,
  uuidv7,
} from '@recant/events';
import type { ActSink } from './port.ts';

/** Name under which Recant itself acts. */
const AGENT = 'recant';
/** A log that takes nothing (it was tampered with) must not keep an operator from acting: another source may have another home. */
const SOURCES_TRIED_MAX = 8;

export type Draft = { readonly [T in EventType]: Pick<EventOf<T>, 'type' | 'id' | 'data'> }[EventType];

export interface LaneDeps {
  readonly sink: ActSink;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** 16 random bytes. */
  readonly random16: () => Uint8Array;
}

interface Open {
  readonly source: string;
  sequence: number;
}

/**
 * One tenant's source of acts, opened with the first of them. One send at a time. A send that failed ends the source: what became of its numbers
 * is not known, and none is ever used twice.
 */
export class ActLane {
  private readonly tenant: string;
  private readonly deps: LaneDeps;
  private open: Open | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(tenant: string, deps: LaneDeps) {
    this.tenant = tenant;
    this.deps = deps;
  }

  push(draft: Draft): Promise<void> {
    const done = this.last.then(() => this.send(draft));
    this.last = done.catch(() => {});
    return done;
  }

  /** Says that nothing more comes, where anything came. */
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
        // It beats no heart: it speaks when somebody acts, and its silence says nothing.
        const opening = { type: 'recant.source.opened.v1', id: eventId.opened(), data: { sdk: AGENT, leaseMs: DURATION_MS_MAX } } as const;
        await this.sendOn(source, opened ? [opening, draft] : [draft]);
        this.open = source;
        return;
      } catch (error) {
        this.open = undefined;
        if ((error as { code?: unknown }).code !== 'ledger_tampered' || tried === SOURCES_TRIED_MAX) throw error;
      }
    }
  }

  private async begin(): Promise<Open> {
    const { sink, clock, random16 } = this.deps;
    return { source: await sink.sourceOf(this.tenant, uuidv7(clock(), random16())), sequence: 0 };
  }

  private async sendOn(open: Open, drafts: readonly Draft[]): Promise<void> {
    const { sink, clock } = this.deps;
    const events = drafts.map((draft, at) => {
      const sequence = formatSequence(open.sequence + at + 1);
      const time = new Date(clock()).toISOString();
      return encodeEvent({ specversion: '1.0', source: open.source, agent: AGENT, time, sequence, ...draft } as RecantEvent);
    });
    open.sequence += events.length;
    await sink.send(this.tenant, events);
  }
}
