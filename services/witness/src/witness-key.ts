import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { COSIGNATURE_TYPE, cosigner, formatSigningKey, formatVerifierKey, parseSigningKey, signText } from '@recant/transparency';
import type { Cosigner } from '@recant/witness';
import { readIfThere, writeDurably } from './durable-file.ts';

const FILE = 'witness.key';
const SEED_BYTES = 32;
/** Bits that let others than the owner in. */
const OTHERS = 0o077;

export interface WitnessKey extends Cosigner {
  /** For those who are to believe this witness. */
  readonly vkey: string;
}

/**
 * The key of the folder, made at the first start. A witness has one key for ever: a new one is a new witness.
 * @param name what it is called; undefined: what it was called, at first `recant-witness/<8 hex>`
 * @throws Error in one line
 */
export async function openWitnessKey(dir: string, name: string | undefined): Promise<WitnessKey> {
  const path = join(dir, FILE);
  const kept = await readIfThere(path);
  const key =
    kept === undefined ? await makeKey(path, name ?? `recant-witness/${randomBytes(4).toString('hex')}`) : await readKey(path, kept);
  if (name !== undefined && name !== key.name)
    throw new Error(`${path} is the key of ${key.name}, not of ${name}: a witness does not change its name`);
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
  if (process.platform !== 'win32' && ((await stat(path)).mode & OTHERS) !== 0)
    throw new Error(`${path} can be read by others: chmod 600 ${path}, and think about whether it was`);
  try {
    const { name, type, seed } = parseSigningKey(Buffer.from(bytes).toString('utf8').trim());
    if (type !== COSIGNATURE_TYPE) throw new Error(`a key of type ${type}`);
    return { name, seed };
  } catch (cause) {
    throw new Error(`${path} is not the key of a witness (${(cause as Error).message}): put back what was there`, { cause });
  }
}
