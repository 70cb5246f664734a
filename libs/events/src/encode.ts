import { toUtf8 } from './bytes.ts';
import { canonicalize } from './canonical.ts';
import { refuseBytes } from './diagnose.ts';
import { EventError } from './error.ts';
import { idMatches } from './event-id.ts';
import { checkEvent, scanEvent } from './guard/event.ts';
import { EVENT_BYTES_MAX } from './limits.ts';
import { isCanonical } from './scan.ts';
import type { RecantEvent } from './types.ts';

/**
 * Encodes an event as canonical bytes. The producer encodes once; the same bytes are signed, sent and stored.
 * @throws EventError with the code with which `decodeEvent` would refuse the same event
 */
export function encodeEvent(event: RecantEvent): Uint8Array {
  return encodeScanned(event) ?? encodeChecked(event);
}

/** One scan of the bytes checks form and content together, as in `decodeEvent`. undefined: refused, `encodeChecked` says why */
function encodeScanned(event: RecantEvent): Uint8Array | undefined {
  try {
    const bytes = toUtf8(canonicalize(event));
    return bytes.length <= EVENT_BYTES_MAX && scanEvent(bytes) && idMatches(event) ? bytes : undefined;
  } catch (error) {
    if (error instanceof EventError) return undefined;
    throw error;
  }
}

function encodeChecked(event: RecantEvent): Uint8Array {
  const checked = checkEvent(event);
  if (!checked.ok) throw new EventError(checked.code, checked.detail);
  const bytes = toUtf8(canonicalize(event));
  if (bytes.length > EVENT_BYTES_MAX)
    throw new EventError('too_large', `The event is too large: expected at most ${EVENT_BYTES_MAX} bytes, got ${bytes.length}.`);
  if (!isCanonical(bytes)) {
    const { code, detail } = refuseBytes(bytes);
    throw new EventError(code, detail);
  }
  return bytes;
}
