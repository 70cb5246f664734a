const encoder = new TextEncoder();

export function toUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Whether a string has at most `max` UTF-8 bytes; no allocation. */
export function fitsUtf8(text: string, max: number): boolean {
  const { length } = text;
  if (length * 3 <= max) return true;
  if (length > max) return false;
  let bytes = 0;
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    // Each half of a surrogate pair counts two of the pair's four bytes.
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code >= 0xd800 && code <= 0xdfff ? 2 : 3;
  }
  return bytes <= max;
}
