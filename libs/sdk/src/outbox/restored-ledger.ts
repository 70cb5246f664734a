import { RecantError } from '../error.ts';
import type { SendResult } from '../transport.ts';

/** Problems with acknowledged events that a ledger restored from an older copy lacks, or could not get back. */

export function uncoveredDropped(limits: { readonly resendEventsMax: number; readonly resendBytesMax: number }): RecantError {
  const { resendEventsMax, resendBytesMax } = limits;
  return new RecantError(
    'resend_buffer_full',
    `The resend buffer is full (limits: ${resendEventsMax} events, ${resendBytesMax} bytes), so acknowledged events were dropped before a checkpoint outside the ledger covered them. If the ledger is restored from an older copy now, they cannot be sent again. Check that the ledger reaches its anchors, or raise resendEventsMax and resendBytesMax.`,
  );
}

/** @param id of the last dropped event */
export function lostBefore(id: string): RecantError {
  return new RecantError(
    'acknowledged_lost',
    `The ledger was restored from an older copy and lacks ${id}, which it had acknowledged and which is no longer in the resend buffer. Later events are sent again; the missing ones show as a gap in this source.`,
    { pending: [id] },
  );
}

export function refusedOnResend(ids: readonly string[], { code, detail }: SendResult & { readonly kind: 'refused' }): RecantError {
  const first = `${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', ...' : ''}`;
  return new RecantError(
    'acknowledged_lost',
    `The ledger was restored from an older copy and refused ${ids.length} events that it had acknowledged before: ${first} (${code}): ${detail}`,
    { refusal: { code, detail }, pending: ids },
  );
}
