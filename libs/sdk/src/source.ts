import { eventId } from '@recant/events';
import { RecantError } from './error.ts';
import type { Delivery, Outbox } from './outbox/outbox.ts';
import type { Settings } from './settings.ts';
import { KeyRefused } from './transport.ts';
import { SDK_VERSION } from './version.ts';
import { withTimeout } from './with-timeout.ts';

/** The events of a source about itself: opened, heartbeat, closed. */
export interface Source {
  /** Resolves once the ledger has acknowledged `recant.source.opened`. May be called again after a failure. */
  open(): Promise<void>;
  stopHeartbeat(): void;
  /** Queues `recant.source.closed`. */
  close(): Promise<Delivery>;
}

export function createSource(outbox: Outbox, settings: Settings): Source {
  const { leaseMs, ackTimeoutMs, clock } = settings;
  let opened: Promise<Delivery> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let heartbeats = 0;
  let unanswered = false;

  const heartbeat = (): void => {
    if (unanswered) return;
    unanswered = true;
    heartbeats += 1;
    // True because the outbox is ordered: everything queued earlier arrives before this event.
    const nothingOlderThan = new Date(clock()).toISOString();
    void outbox.push({ type: 'recant.source.heartbeat.v1', id: eventId.heartbeat(heartbeats), data: { nothingOlderThan } }).finally(() => {
      unanswered = false;
    });
    void outbox.checkCoverage();
  };

  return {
    async open() {
      opened ??= outbox.push({
        type: 'recant.source.opened.v1',
        id: eventId.opened(),
        data: { sdk: `@recant/sdk ${SDK_VERSION}`, leaseMs },
      });
      // No tool has run yet, so a refused key fails at once; the event stays queued and is sent under the next key.
      const delivery = await withTimeout(Promise.race([opened, outbox.key.nextRefusal()]), ackTimeoutMs);
      if (delivery instanceof KeyRefused) throw new RecantError('key_refused', delivery.message, { cause: delivery });
      if (delivery === undefined) {
        throw new RecantError(
          'ledger_unavailable',
          `The ledger did not answer within ${ackTimeoutMs} ms; is it running?${outbox.lastErrorText}`,
          {
            cause: outbox.lastError,
          },
        );
      }
      if (delivery.kind === 'refused') throw refusedBy(delivery, 'The ledger refused this source');
      if (delivery.kind === 'abandoned') throw new RecantError('closed', 'The recorder was closed while opening.');
      void outbox.checkCoverage();
      timer ??= setInterval(heartbeat, Math.max(1, Math.floor(leaseMs / 3))).unref();
    },
    stopHeartbeat: () => clearInterval(timer),
    close: () => outbox.push({ type: 'recant.source.closed.v1', id: eventId.closed(), data: { reason: 'closed' } }),
  };
}

export function refusedBy(delivery: Delivery & { readonly kind: 'refused' }, what: string): RecantError {
  const { code, detail } = delivery;
  return new RecantError('refused', `${what} (${code}): ${detail}`, { refusal: { code, detail } });
}
