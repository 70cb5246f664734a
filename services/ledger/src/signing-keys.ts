import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Signer } from '@recant/ledger';
import { ConfigError } from '@recant/service';
import { ED25519_TYPE, ed25519Signer, formatSigningKey, formatVerifierKey, parseSigningKey } from '@recant/transparency';

/** Keys in one file; during a rotation there are two. */
const KEYS_MAX = 8;
const SEED_BYTES = 32;

export interface SigningKeys {
  /** Name of the ledger, shared by all its keys. */
  readonly ledger: string;
  readonly signers: readonly Signer[];
}

/** A new key as a line of a key file; secret. @throws TransparencyError `name_invalid` */
export function newSigningKey(ledger: string): string {
  const seed = randomBytes(SEED_BYTES);
  return `${formatSigningKey(ed25519Signer(ledger, seed).key, seed)}\n`;
}

/** @throws ConfigError, which never quotes the file */
export function readSigningKeys(path: string): SigningKeys {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`RECANT_SIGNING_KEY_FILE: ${path} is not readable (${(error as NodeJS.ErrnoException).code})`]);
  }
  return parseSigningKeys(text, path);
}

/** One key per line; empty lines and lines starting with `#` are ignored. @param where file name for errors */
export function parseSigningKeys(text: string, where: string): SigningKeys {
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (keys.length === 0 || keys.length > KEYS_MAX)
    throw new ConfigError([
      `RECANT_SIGNING_KEY_FILE: expected 1 to ${KEYS_MAX} keys in ${where}, got ${keys.length} (create one with \`recant log new-key\`)`,
    ]);
  const signers = keys.map((line, at) => signerOf(line, `line ${at + 1} of the keys in ${where}`));
  const ledger = (signers[0] as Signer).name;
  if (signers.some(({ name }) => name !== ledger))
    throw new ConfigError([`RECANT_SIGNING_KEY_FILE: the keys in ${where} have different names; expected one ledger name`]);
  return { ledger, signers };
}

function signerOf(line: string, where: string): Signer {
  try {
    const { name, type, seed } = parseSigningKey(line);
    if (type !== ED25519_TYPE) throw new TypeError('it is a witness key');
    const signer = ed25519Signer(name, seed);
    return { name, vkey: formatVerifierKey(signer.key), sign: async (text) => signer.sign(Buffer.from(text).toString()) };
  } catch (error) {
    throw new ConfigError([`RECANT_SIGNING_KEY_FILE: ${where} is not a signing key (${(error as Error).message})`]);
  }
}
