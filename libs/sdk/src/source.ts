import { eventId } from '@recant/events';
import { RecantError } from './error.ts';
import type { Fate, Lane } from './lane/lane.ts';
import type { Settings } from './options.ts';
import { KeyRefused } from './transport.ts';
import { SDK_VERSION } from './version.ts';
import { within } from './within.ts';

/** What a source says about itself: opened, alive, closed. */
export interface Source {
  /** Resolves once the ledger has taken `recant.source.opened`. May be called again after a failure. */
  open(): Promise<void>;
  /** Stops the heartbeat. */
  rest(): void;
  /** Queues `recant.source.closed`. */
  close(): Promise<Fate>;
}

export function createSource(lane: Lane, settings: Settings): Source {
  const { leaseMs, ackTimeoutMs, clock } = settings;
  let opened: Promise<Fate> | undefined;
  let beat: NodeJS.Timeout | undefined;
  let beats = 0;
  let beating = false;

  const heartbeat = (): void => {
    if (beating) return;
    beating = true;
    beats += 1;
    // The lane keeps order: when this arrives, everything queued before it has.
    const nothingOlderThan = new Date(clock()).toISOString();
    void lane.push({ type: 'recant.source.heartbeat.v1', id: eventId.heartbeat(beats), data: { nothingOlderThan } }).finally(() => {
      beating = false;
    });
    void lane.look();
  };

  return {
    async open() {
      opened ??= lane.push({ type: 'recant.source.opened.v1', id: eventId.opened(), data: { sdk: `@recant/sdk ${SDK_VERSION}`, leaseMs } });
      // No tool has run yet: whoever gave a wrong key is told now. What is queued goes out under a right one.
      const fate = await within(Promise.race([opened, lane.key.next()]), ackTimeoutMs);
      if (fate instanceof KeyRefused) throw new RecantError('key_refused', fate.message, { cause: fate });
      if (fate === undefined) {
        throw new RecantError('ledger_unavailable', `The ledger did not answer within ${ackTimeoutMs} ms: is it running?${lane.whyNot}`, {
          cause: lane.lastError,
        });
      }
      if (fate.kind === 'refused') throw refusedBy(fate, 'The ledger refused this source');
      if (fate.kind === 'abandoned') throw new RecantError('closed', 'Closed while opening.');
      void lane.look();
      beat ??= setInterval(heartbeat, Math.max(1, Math.floor(leaseMs / 3))).unref();
    },
    rest: () => clearInterval(beat),
    close: () => lane.push({ type: 'recant.source.closed.v1', id: eventId.closed(), data: { reason: 'closed' } }),
  };
}

export function refusedBy(fate: Fate & { readonly kind: 'refused' }, what: string): RecantError {
  return new RecantError('refused', `${what} (${fate.code}): ${fate.detail}`, { refusal: { code: fate.code, detail: fate.detail } });
}
