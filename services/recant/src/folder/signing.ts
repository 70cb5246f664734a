import { randomBytes } from 'node:crypto';
import { ConfigError } from '@recant/service';
import { newSigningKey, parseSigningKeys, readSigningKeys, type SigningKeys } from '@recant/service-ledger/wire';
import { CliError, EXIT } from '../terminal/exit.ts';
import type { Folder } from './folder.ts';

const FILE = 'signing.key';

export interface SigningSettings {
  readonly ledgerName: string | undefined;
  readonly signingKeyFile: string | undefined;
}

/** Keys that sign checkpoints: from RECANT_SIGNING_KEY_FILE, or the folder, where the first start creates one. Losing them loses no evidence; a thief can sign. */
export async function signingKeys(folder: Folder, settings: SigningSettings): Promise<SigningKeys> {
  const keys = await readOrCreate(folder, settings).catch((error: unknown) => {
    if (!(error instanceof ConfigError)) throw error;
    throw new CliError(EXIT.usage, error.problems.join('; '), 'Restore the original file, or correct RECANT_SIGNING_KEY_FILE.', {
      cause: error,
    });
  });
  const { ledgerName } = settings;
  if (ledgerName !== undefined && ledgerName !== keys.ledger)
    throw new CliError(
      EXIT.usage,
      `RECANT_LEDGER_NAME is ${ledgerName}, but the signing keys belong to ${keys.ledger}`,
      'A ledger cannot be renamed: unset RECANT_LEDGER_NAME, or use the keys of that ledger.',
    );
  return keys;
}

async function readOrCreate(folder: Folder, { signingKeyFile, ledgerName }: SigningSettings): Promise<SigningKeys> {
  if (signingKeyFile !== undefined) return readSigningKeys(signingKeyFile);
  let text = await folder.read(FILE);
  if (text === undefined) {
    text = newSigningKey(ledgerName ?? `recant.local/${randomBytes(4).toString('hex')}`);
    await folder.write(FILE, text);
  }
  return parseSigningKeys(text, folder.at(FILE));
}
