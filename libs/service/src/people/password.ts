import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** Crockford's letters and figures: none is taken for another. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const GROUPS = 5;
const GROUP_CHARACTERS = 5;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** RFC 7914: 16 MiB and about 40 ms a try (2026-11). Against guessing the 125 bits are enough by themselves. */
const COST = { N: 16_384, r: 8, p: 1, maxmem: 33_554_432 };
const KEPT = /^scrypt-v1\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

/** 125 random bits, to be shown once. */
export function newPassword(): string {
  const letters = [...randomBytes(GROUPS * GROUP_CHARACTERS)].map((byte) => ALPHABET.charAt(byte & 31));
  return Array.from({ length: GROUPS }, (_, at) => letters.slice(at * GROUP_CHARACTERS, (at + 1) * GROUP_CHARACTERS).join('')).join('-');
}

/** What is kept of a password: `scrypt-v1.<salt>.<hash>`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return `scrypt-v1.${salt.toString('base64url')}.${(await derive(password, salt)).toString('base64url')}`;
}

/** Takes as long where nothing fit is kept. */
export async function fitsPassword(password: string, kept: string | undefined): Promise<boolean> {
  const [, salt = '', hash = ''] = KEPT.exec(kept?.trim() ?? '') ?? [];
  const derived = await derive(password, Buffer.from(salt, 'base64url'));
  return timingSafeEqual(derived, hash === '' ? Buffer.alloc(HASH_BYTES) : Buffer.from(hash, 'base64url')) && hash !== '';
}

function derive(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, COST, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
