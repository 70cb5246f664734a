import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** Crockford's base32: no characters that look alike. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const GROUPS = 5;
const GROUP_CHARACTERS = 5;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** scrypt (RFC 7914): 16 MiB and about 40 ms a check (2026-11). The 125 bits alone already defeat guessing. */
const COST = { N: 16_384, r: 8, p: 1, maxmem: 33_554_432 };
const STORED = /^scrypt-v1\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

/** 125 random bits. Show it once; store only its hash. */
export function newPassword(): string {
  const letters = [...randomBytes(GROUPS * GROUP_CHARACTERS)].map((byte) => ALPHABET.charAt(byte & 31));
  return Array.from({ length: GROUPS }, (_, at) => letters.slice(at * GROUP_CHARACTERS, (at + 1) * GROUP_CHARACTERS).join('')).join('-');
}

/** The stored form of a password: `scrypt-v1.<salt>.<hash>`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return `scrypt-v1.${salt.toString('base64url')}.${(await derive(password, salt)).toString('base64url')}`;
}

/** Constant time, also without a valid stored hash. */
export async function matchesPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [, salt = '', hash = ''] = STORED.exec(stored?.trim() ?? '') ?? [];
  const derived = await derive(password, Buffer.from(salt, 'base64url'));
  return timingSafeEqual(derived, hash === '' ? Buffer.alloc(HASH_BYTES) : Buffer.from(hash, 'base64url')) && hash !== '';
}

function derive(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, COST, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
