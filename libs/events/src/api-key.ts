import { hkdfSync } from 'node:crypto';

/** An API key: `recant_<keyId>_<base64url of 32 bytes>`. */
export interface ApiKey {
  readonly keyId: string;
  readonly secret: Uint8Array;
}

const KEY_ID = /^[a-z0-9]{4,32}$/;
const API_KEY = /^recant_([a-z0-9]{4,32})_([A-Za-z0-9_-]{43})$/;
export const API_SECRET_BYTES = 32;

/** @throws RangeError for an invalid key id or secret */
export function formatApiKey(key: ApiKey): string {
  if (!KEY_ID.test(key.keyId)) throw new RangeError('a key id must be 4 to 32 characters of a-z and 0-9');
  if (key.secret.length !== API_SECRET_BYTES)
    throw new RangeError(`expected an API secret of ${API_SECRET_BYTES} bytes, got ${key.secret.length}`);
  return `recant_${key.keyId}_${Buffer.from(key.secret).toString('base64url')}`;
}

/** Parses an API key; undefined if it is malformed. A key has one encoding: the unused bits of the last character must be zero. */
export function parseApiKey(text: string): ApiKey | undefined {
  const match = API_KEY.exec(text);
  if (match === null) return undefined;
  const [, keyId = '', encoded = ''] = match;
  const secret = Buffer.from(encoded, 'base64url');
  if (secret.length !== API_SECRET_BYTES || secret.toString('base64url') !== encoded) return undefined;
  return { keyId, secret: new Uint8Array(secret) };
}

/** The secret of `messageMac`: HKDF-SHA256 of the API secret (RFC 5869), so that the ledger can check a MAC without storing the API secret. */
export function macSecretOf(apiSecret: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', apiSecret, new Uint8Array(0), 'recant.message-mac.v1', 32));
}
