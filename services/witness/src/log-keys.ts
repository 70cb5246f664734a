import { join } from 'node:path';
import { ED25519_TYPE, parseVerifierKey, type VerifierKey } from '@recant/transparency';
import { readIfExists } from './durable-file.ts';

const FILE = 'log-keys';

/** Keys of the accepted logs: the given vkeys and those in the folder's `log-keys` file, one per line, `#` for comments. @throws Error naming all invalid lines */
export async function readLogKeys(dir: string, given: readonly string[]): Promise<readonly VerifierKey[]> {
  const stored = await readIfExists(join(dir, FILE));
  const lines = Buffer.from(stored ?? '')
    .toString('utf8')
    .split('\n');
  const texts = [...given, ...lines].map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  const keys: VerifierKey[] = [];
  const problems: string[] = [];
  for (const text of new Set(texts)) {
    try {
      keys.push(logKey(text));
    } catch (error) {
      problems.push(`${text.slice(0, 120)} is not a log’s vkey: ${(error as Error).message}`);
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  if (keys.length === 0) throw new Error(`no log to witness: pass its vkey with --log, or add it to ${join(dir, FILE)}`);
  return keys;
}

function logKey(text: string): VerifierKey {
  const key = parseVerifierKey(text);
  if (key.type !== ED25519_TYPE) throw new Error(`expected key type ${ED25519_TYPE} (Ed25519), got ${key.type}`);
  return key;
}
