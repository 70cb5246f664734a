import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { COSIGNATURE_TYPE, cosigner, formatSigningKey, formatVerifierKey, parseSigningKey, signText } from '@recant/transparency';
import type { Cosigner } from '@recant/witness';
import { readIfExists, writeDurably } from './durable-file.ts';

const FILE = 'witness.key';
const SEED_BYTES = 32;
/** Permission bits of group and others. */
const GROUP_AND_OTHERS = 0o077;

export interface WitnessKey extends Cosigner {
  /** Public key, for `RECANT_WITNESSES` and for verifiers. */
  readonly vkey: string;
}

/**
 * The key of the folder, created at the first start. A witness never changes its key: a new key is a new witness.
 * @param name undefined: the stored name, at first `recant-witness/<8 hex>`
 * @throws Error in one line
 */
export async function openWitnessKey(dir: string, name: string | undefined): Promise<WitnessKey> {
  const path = join(dir, FILE);
  const stored = await readIfExists(path);
  const key =
    stored === undefined ? await makeKey(path, name ?? `recant-witness/${randomBytes(4).toString('hex')}`) : await readKey(path, stored);
  if (name !== undefined && name !== key.name)
    throw new Error(`${path}: expected the key of ${name}, got the key of ${key.name}; a witness cannot be renamed`);
  return {
    vkey: formatVerifierKey(cosigner(key.name, key.seed, 1n).key),
    cosign: (text, timeSeconds) => signText(text, cosigner(key.name, key.seed, timeSeconds)),
  };
}

interface Secret {
  readonly name: string;
  readonly seed: Uint8Array;
}

async function makeKey(path: string, name: string): Promise<Secret> {
  const seed = randomBytes(SEED_BYTES);
  await writeDurably(path, Buffer.from(`${formatSigningKey(cosigner(name, seed, 1n).key, seed)}\n`));
  return { name, seed };
}

async function readKey(path: string, bytes: Uint8Array): Promise<Secret> {
  if (process.platform !== 'win32' && ((await stat(path)).mode & GROUP_AND_OTHERS) !== 0)
    throw new Error(`${path} is readable by others: run chmod 600 ${path}; if somebody may have read it, start a new witness`);
  try {
    const { name, type, seed } = parseSigningKey(Buffer.from(bytes).toString('utf8').trim());
    if (type !== COSIGNATURE_TYPE) throw new Error(`expected key type ${COSIGNATURE_TYPE}, got ${type}`);
    return { name, seed };
  } catch (cause) {
    throw new Error(`${path} is not a witness key (${(cause as Error).message}); restore its content`, { cause });
  }
}
