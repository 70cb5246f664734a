import { RecantError } from '../error.ts';
import type { SendResult } from '../transport.ts';

/** What an application is told of acknowledged events that a restored ledger does not have, or would not get back. */

export function uncovered(limits: { readonly keptEventsMax: number; readonly keptBytesMax: number }): RecantError {
  const { keptEventsMax, keptBytesMax } = limits;
  return new RecantError(
    'kept_full',
    `Acknowledged events are let go before a checkpoint over them is kept outside the ledger, as more than ${keptEventsMax} events or ${keptBytesMax} bytes wait for one: should the ledger be restored from an older copy now, they cannot be sent again. See whether it reaches its anchors, or raise keptEventsMax and keptBytesMax.`,
  );
}

/** @param id of the last event that is not kept any more */
export function lostBefore(id: string): RecantError {
  return new RecantError(
    'acknowledged_lost',
    `The ledger was restored from a copy older than all that is kept here: it does not have ${id}, which it had acknowledged. What came after that is sent again; what is missing before it shows as a hole in this source.`,
    { pending: [id] },
  );
}

export function refusedAgain(ids: readonly string[], { code, detail }: SendResult & { readonly kind: 'refused' }): RecantError {
  const few = `${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', ...' : ''}`;
  return new RecantError(
    'acknowledged_lost',
    `The ledger was restored from an older copy, and refuses ${ids.length} events that it had acknowledged: ${few} (${code}): ${detail}`,
    { refusal: { code, detail }, pending: ids },
  );
}
