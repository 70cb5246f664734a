const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * UUID version 7 (RFC 9562 section 5.7), lower case.
 * @param nowMs Unix time in milliseconds. @param random16 16 random bytes, of which 74 bits are used. @throws RangeError
 */
export function uuidv7(nowMs: number, random16: Uint8Array): string {
  if (!Number.isSafeInteger(nowMs) || nowMs < 0 || nowMs >= 2 ** 48)
    throw new RangeError(`expected a Unix time in milliseconds, got ${nowMs}`);
  if (random16.length !== 16) throw new RangeError(`expected 16 random bytes, got ${random16.length}`);
  const bytes = Buffer.from(random16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function isUuidV7(text: string): boolean {
  return text.length === 36 && UUID_V7.test(text);
}
