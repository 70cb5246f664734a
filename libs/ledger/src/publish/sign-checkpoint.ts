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

/** A checkpoint under every key that is configured: while keys are rotated, whoever knows one of them can verify it. */
export async function signCheckpoint(origin: string, head: TreeHead, signers: readonly Signer[]): Promise<Uint8Array> {
  const text = formatCheckpoint({ origin, size: head.size, root: head.root });
  const bytes = Buffer.from(text);
  const signatures = await Promise.all(
    signers.map(async ({ name, vkey, sign }) => ({ name, keyId: parseVerifierKey(vkey).keyId, signature: await sign(bytes) })),
  );
  return encodeNote({ text, signatures });
}

/**
 * That a stored checkpoint says what stands beside it, and that what claims to be signed by one of our keys is. Keys that were retired are not known
 * any more: a checkpoint under none but those is compared like any other, and believed no more than that.
 * @throws LedgerTampered `checkpoint_invalid`
 */
export function checkStored(log: LogKey, origin: string, stored: StoredCheckpoint, signers: readonly Signer[]): void {
  const broken = (why: string, cause?: unknown) => {
    const error = new LedgerTampered(log, 'checkpoint_invalid', `the one of size ${stored.size}: ${why}`);
    error.cause = cause;
    return error;
  };
  try {
    const note = parseNote(stored.note);
    const said = parseCheckpoint(note.text);
    if (said.origin !== origin) throw broken(`it is of ${said.origin}`);
    if (said.size !== stored.size || !same(said.root, stored.root)) throw broken('its row says something else than what was signed');
    verifySignatures(
      note,
      signers.map(({ vkey }) => parseVerifierKey(vkey)),
    );
  } catch (error) {
    throw error instanceof LedgerTampered ? error : broken((error as Error).message, error);
  }
}
