import { join } from 'node:path';
import { ED25519_TYPE, parseVerifierKey, type VerifierKey } from '@recant/transparency';
import { readIfThere } from './durable-file.ts';

const FILE = 'log-keys';

/** Whose checkpoints are looked at: vkeys given, and those of the folder's `log-keys`, one a line, `#` for remarks. @throws Error naming every line that is none */
export async function readLogKeys(dir: string, given: readonly string[]): Promise<readonly VerifierKey[]> {
  const kept = await readIfThere(join(dir, FILE));
  const lines = Buffer.from(kept ?? '')
    .toString('utf8')
    .split('\n');
  const texts = [...given, ...lines].map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  const keys: VerifierKey[] = [];
  const problems: string[] = [];
  for (const text of new Set(texts)) {
    try {
      keys.push(logKey(text));
    } catch (error) {
      problems.push(`${text.slice(0, 120)} is not the vkey of a log: ${(error as Error).message}`);
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  if (keys.length === 0) throw new Error(`no log to watch: name its vkey (--log), or write it into ${join(dir, FILE)}`);
  return keys;
}

function logKey(text: string): VerifierKey {
  const key = parseVerifierKey(text);
  if (key.type !== ED25519_TYPE) throw new Error(`it is of type ${key.type}, a log's is of type ${ED25519_TYPE} (Ed25519)`);
  return key;
}
