import { refuseBytes } from './diagnose.ts';
import { idFits } from './event-id.ts';
import { checkEvent, idMismatch, type Refused, refuse, scanEvent } from './guard/event.ts';
import { EVENT_BYTES_MAX } from './limits.ts';
import { isCanonical } from './scan.ts';
import type { RecantEvent } from './types.ts';

export type Decoded = { readonly ok: true; readonly event: RecantEvent } | Refused;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The event in the bytes, or why they are none. Never throws; bounded by EVENT_BYTES_MAX and EVENT_DEPTH_MAX before anything is parsed.
 * Accepted are exactly the bytes that `encodeEvent` would give for the same event, so the bytes stand for the value and are kept as they are.
 * One scan judges form and content together, in half the time that two passes take over bytes and value (2026-11: 2.0 against 3.5 µs for 1 kB).
 */
export function decodeEvent(bytes: Uint8Array): Decoded {
  if (bytes.length > EVENT_BYTES_MAX)
    return refuse('too_large', `An event has at most ${EVENT_BYTES_MAX} bytes, this one has ${bytes.length}.`);
  if (!scanEvent(bytes)) return refuseEvent(bytes);
  let event: RecantEvent;
  try {
    event = JSON.parse(utf8.decode(bytes)) as RecantEvent;
  } catch {
    return refuseBytes(bytes);
  }
  return idFits(event) ? { ok: true, event } : idMismatch();
}

/** Why the scan did not accept these bytes. */
function refuseEvent(bytes: Uint8Array): Decoded {
  if (!isCanonical(bytes)) return refuseBytes(bytes);
  try {
    return checkEvent(JSON.parse(utf8.decode(bytes)));
  } catch {
    return refuseBytes(bytes);
  }
}
