import { allocateBytes, type Bytes } from '#crypto';
import { TransparencyError } from '../error.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Int8Array(128).fill(-1);
for (let value = 0; value < 64; value += 1) VALUES[ALPHABET.charCodeAt(value)] = value;

/** RFC 4648 section 4, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second = 0, third = 0] = bytes.subarray(at, at + 3);
    const group = (first << 16) | (second << 8) | third;
    text += `${ALPHABET[group >> 18]}${ALPHABET[(group >> 12) & 63]}${ALPHABET[(group >> 6) & 63]}${ALPHABET[group & 63]}`;
  }
  const over = bytes.length % 3;
  return over === 0 ? text : text.slice(0, over - 3) + '='.repeat(3 - over);
}

/**
 * Decodes base64. Accepts one encoding per value: padded, no other characters, unused bits zero.
 * Allocates three quarters of the text's length; callers limit the text.
 */
export function decodeBase64(text: string): Bytes {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  if (text.length % 4 !== 0) throw invalid(text);
  const bytes = allocateBytes((text.length / 4) * 3 - padding);
  const end = text.length - padding;
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let position = 0; position < end; position += 1) {
    const value = VALUES[text.charCodeAt(position)] ?? -1;
    if (value < 0) throw invalid(text);
    held = ((held << 6) | value) & 0xfff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = (held >> bits) & 0xff;
      at += 1;
    }
  }
  if ((held & ((1 << bits) - 1)) !== 0) throw invalid(text);
  return bytes;
}

function invalid(text: string): TransparencyError {
  return new TransparencyError(
    'base64_invalid',
    `invalid base64 (expected RFC 4648 section 4, padded): ${JSON.stringify(text.slice(0, 80))}`,
  );
}
