import {
  encodeNote,
  formatCheckpoint,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  type TreeHead,
  verifySignatures,
} from '@recant/transparency';
import { same } from './check-head.ts';
import type { StoredCheckpoint } from './checkpoint.ts';
import type { LogKey, Signer } from './ports.ts';
import { LedgerTampered } from './tampered.ts';

/** A checkpoint signed by every configured key, so that verifiers with an old or a new key accept it during rotation. */
export async function signCheckpoint(origin: string, head: TreeHead, signers: readonly Signer[]): Promise<Uint8Array> {
  const text = formatCheckpoint({ origin, size: head.size, root: head.root });
  const bytes = Buffer.from(text);
  const signatures = await Promise.all(
    signers.map(async ({ name, vkey, sign }) => ({ name, keyId: parseVerifierKey(vkey).keyId, signature: await sign(bytes) })),
  );
  return encodeNote({ text, signatures });
}

/**
 * Checks that the note of a stored checkpoint matches its row, and that signatures under configured keys are valid. Retired keys are unknown: a
 * checkpoint signed by those alone is still compared with the log.
 * @throws LedgerTampered `checkpoint_invalid`
 */
export function checkStored(log: LogKey, origin: string, stored: StoredCheckpoint, signers: readonly Signer[]): void {
  const broken = (why: string, cause?: unknown) => {
    const error = new LedgerTampered(log, 'checkpoint_invalid', `checkpoint of size ${stored.size}: ${why}`);
    error.cause = cause;
    return error;
  };
  try {
    const note = parseNote(stored.note);
    const said = parseCheckpoint(note.text);
    if (said.origin !== origin) throw broken(`expected origin ${origin}, got ${said.origin}`);
    if (said.size !== stored.size || !same(said.root, stored.root)) throw broken('its row differs from the signed note');
    verifySignatures(
      note,
      signers.map(({ vkey }) => parseVerifierKey(vkey)),
    );
  } catch (error) {
    throw error instanceof LedgerTampered ? error : broken((error as Error).message, error);
  }
}
