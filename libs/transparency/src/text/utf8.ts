import { TransparencyError } from '../error.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** @throws too_large (before allocating anything), text_invalid */
export function decodeUtf8(bytes: Uint8Array, bytesMax: number, what: string): string {
  if (bytes.length > bytesMax)
    throw new TransparencyError('too_large', `${what} is too large: expected at most ${bytesMax} bytes, got ${bytes.length}`);
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new TransparencyError('text_invalid', `${what} is not UTF-8`, cause);
  }
}

export function encodeUtf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new TransparencyError('text_invalid', 'a lone surrogate cannot be encoded as UTF-8');
  return encoder.encode(text);
}
