import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError, type Env, secret } from './config.ts';

export const MASTER_KEY_BYTES = 32;

/** The current key first; older ones only decrypt. */
export type MasterKeys = readonly [Uint8Array, ...Uint8Array[]];

/** Master keys come from a file, or from the environment itself, for secret stores that inject them there. */
export const MASTER_KEY_ENV = {
  RECANT_MASTER_KEY_FILE: z.string().min(1).optional(),
  RECANT_MASTER_KEY: secret(z.string().min(1).optional()),
};

/** Makes RECANT_MASTER_KEY_FILE required unless RECANT_MASTER_KEY is set, so that a missing key is reported with all other problems. */
export function requireMasterKey<S extends z.ZodRawShape & typeof MASTER_KEY_ENV>(schema: z.ZodObject<S>, env: Env): z.ZodObject<S> {
  const named = { RECANT_MASTER_KEY_FILE: true } as const;
  // zod cannot infer the shape of a generic object after `required`; only one member changes, to a narrower type.
  return env.RECANT_MASTER_KEY ? schema : (schema.required(named as never) as unknown as z.ZodObject<S>);
}

/** @throws ConfigError */
export function masterKeysOf(read: { RECANT_MASTER_KEY_FILE?: string | undefined; RECANT_MASTER_KEY?: string | undefined }): MasterKeys {
  const { RECANT_MASTER_KEY_FILE: file, RECANT_MASTER_KEY: text } = read;
  if ((file === undefined) === (text === undefined))
    throw new ConfigError([
      file === undefined
        ? 'RECANT_MASTER_KEY_FILE or RECANT_MASTER_KEY is missing'
        : 'RECANT_MASTER_KEY_FILE and RECANT_MASTER_KEY are both set: set only one',
    ]);
  const [name, bytes] =
    file === undefined ? ['RECANT_MASTER_KEY', Buffer.from(text as string)] : ['RECANT_MASTER_KEY_FILE', readKeys(file)];
  const keys = parseMasterKeys(bytes);
  if (keys) return keys;
  const where = file === undefined ? '' : ` in ${file}`;
  throw new ConfigError([
    `${name}: expected keys of ${MASTER_KEY_BYTES} bytes as base64 or hex${where}, one per line, newest first (create one with \`openssl rand -base64 32\`)`,
  ]);
}

function readKeys(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError([`RECANT_MASTER_KEY_FILE: ${file} is not readable (${(error as NodeJS.ErrnoException).code})`]);
  }
}

/** MASTER_KEY_BYTES raw bytes; or keys as base64 or hex, separated by line ends, spaces or commas. Undefined for anything else. */
export function parseMasterKeys(bytes: Buffer): MasterKeys | undefined {
  if (bytes.length === MASTER_KEY_BYTES) return [bytes];
  const keys = bytes
    .toString('latin1')
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .map(parseKey);
  const [first, ...older] = keys.filter((key) => key !== undefined);
  return first === undefined || older.length + 1 < keys.length ? undefined : [first, ...older];
}

function parseKey(word: string): Buffer | undefined {
  if (/^[0-9A-Fa-f]{64}$/.test(word)) return Buffer.from(word, 'hex');
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(word) ? Buffer.from(word, 'base64') : undefined;
}
