import { open } from 'node:fs/promises';
import { decodeEvent, type RecantEvent } from '@recant/events';
import { decodeFrame, originOf } from '@recant/ledger';
import {
  decodeTlogProof,
  leafHash,
  NOTE_BYTES_MAX,
  PROOF_EXTRA_BYTES_MAX,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  TransparencyError,
  type TransparencyErrorCode,
  verifyTlogProof,
} from '@recant/transparency';
import { CliError, EXIT } from '../terminal/exit.ts';

const HEADER = 'c2sp.org/tlog-proof@v1\n';
/** Largest receipt: the entry in base64, the path, the signed checkpoint. */
const RECEIPT_BYTES_MAX = 2 * PROOF_EXTRA_BYTES_MAX + NOTE_BYTES_MAX + 65_536;

/** A sound receipt proves, under the given keys, that this event is the entry with that index. */
export type ReceiptVerdict =
  | {
      readonly sound: true;
      readonly receipt: {
        readonly origin: string;
        readonly index: string;
        readonly size: string;
        /** ISO 8601, by the ledger's clock. */
        readonly receivedAt: string;
        readonly key: string;
        readonly event: RecantEvent;
      };
    }
  | { readonly sound: false; readonly rule: TransparencyErrorCode; readonly detail: string };

/** Bytes of a receipt; undefined if the file does not start like one. */
export async function readReceipt(path: string): Promise<Uint8Array | undefined> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(RECEIPT_BYTES_MAX + 1), 0, RECEIPT_BYTES_MAX + 1, 0);
    if (buffer.toString('latin1', 0, HEADER.length) !== HEADER) return undefined;
    if (bytesRead > RECEIPT_BYTES_MAX)
      throw new CliError(EXIT.notSound, `${path} is too large for a receipt: more than ${RECEIPT_BYTES_MAX} bytes`);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** @param vkeys of the ledger, from a trusted source: keys in the receipt would prove nothing */
export function verifyReceipt(bytes: Uint8Array, vkeys: readonly string[]): ReceiptVerdict {
  const logKeys = vkeys.map((vkey) => {
    try {
      return parseVerifierKey(vkey);
    } catch (cause) {
      throw new CliError(EXIT.usage, `--vkey: ${JSON.stringify(vkey)} is not a verifier key`, 'Pass a line of `recant log vkeys`.', {
        cause,
      });
    }
  });
  try {
    const { extra = new Uint8Array(), checkpoint: note } = decodeTlogProof(bytes);
    const { origin } = parseCheckpoint(parseNote(note).text);
    const verified = verifyTlogProof(bytes, leafHash(extra), { origin, logKeys });
    const frame = decodeFrame(extra);
    const decoded = frame?.kind === 'event' ? decodeEvent(frame.body) : undefined;
    if (!frame || !decoded?.ok) throw new TransparencyError('malformed', 'the entry of this receipt is not an event');
    requireOrigin(origin, logKeys[0]?.name ?? '', frame.tenant, decoded.event);
    const { index } = verified.proof;
    return {
      sound: true,
      receipt: {
        origin,
        index: String(index),
        size: String(verified.checkpoint.size),
        receivedAt: new Date(frame.receivedAtMs).toISOString(),
        key: frame.keyId,
        event: decoded.event,
      },
    };
  } catch (error) {
    if (error instanceof TransparencyError) return { sound: false, rule: error.code, detail: error.message };
    throw error;
  }
}

/** The log must be that of the entry: ledger of the keys, tenant of the frame. */
function requireOrigin(origin: string, ledger: string, tenant: string, { source }: RecantEvent): void {
  const [, shard = '', epoch = ''] = /\/([0-9]{1,5})\/e([1-9][0-9]{0,8})$/.exec(origin) ?? [];
  if (origin === originOf(ledger, { tenant, shard: Number(shard) }, Number(epoch))) return;
  throw new TransparencyError('origin_mismatch', `an entry of tenant ${tenant} (${source}) is in the log ${JSON.stringify(origin)}`);
}
