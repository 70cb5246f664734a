import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX } from '@recant/events';
import { RunnerError } from './error.ts';
import type { Emitter, EventTransport, Outbox, OutboxItem } from './ports.ts';

export function createEmitter(outbox: Outbox, transport: EventTransport): Emitter {
  const sending = new Map<string, Promise<void>>();
  return {
    /** One call after the other for each source: two at once would send every event twice. */
    async flush(tenant, source) {
      const key = JSON.stringify([tenant, source]);
      for (let other = sending.get(key); other !== undefined; other = sending.get(key)) await other.catch(() => undefined);
      const own = sendAll(outbox, transport, tenant, source).finally(() => sending.delete(key));
      sending.set(key, own);
      await own;
    },
  };
}

async function sendAll(outbox: Outbox, transport: EventTransport, tenant: string, source: string): Promise<void> {
  for (;;) {
    const items = bounded(await outbox.unsent(tenant, source, BATCH_EVENTS_MAX));
    const last = items.at(-1);
    if (last === undefined) return;
    const receipts = await send(transport, tenant, items);
    const refused = receipts.findIndex((receipt) => receipt.kind === 'refused');
    const through = refused < 0 ? last.sequence : (items[refused] as OutboxItem).sequence - 1;
    await outbox.acknowledged(tenant, source, through);
    if (refused >= 0)
      throw new RunnerError(
        'event_refused',
        `The ledger refused event ${through + 1} of ${source} (${receipts[refused]?.code}): ${receipts[refused]?.detail}`,
      );
  }
}

async function send(transport: EventTransport, tenant: string, items: readonly OutboxItem[]) {
  try {
    const receipts = await transport.send(
      tenant,
      items.map((item) => item.bytes),
    );
    if (receipts.length === items.length) return receipts;
    throw new Error(`expected ${items.length} receipts, got ${receipts.length}`);
  } catch (cause) {
    throw new RunnerError(
      'ledger_unavailable',
      `Sending events to the ledger failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
}

function bounded(items: readonly OutboxItem[]): readonly OutboxItem[] {
  let bytes = 2;
  const end = items.findIndex((item) => {
    bytes += item.bytes.length + 1;
    return bytes > BATCH_BYTES_MAX;
  });
  return end < 0 ? items : items.slice(0, end);
}
