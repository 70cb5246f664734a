import { createHash } from 'node:crypto';
import { AnchorError } from '@recant/ledger';
import { NOTE_BYTES_MAX, parseNote } from '@recant/transparency';
import { ANSWER_MS_MAX, ask } from '../answer.ts';
import { checkpointIn, type SavedNote } from '../saved-note.ts';

/**
 * The checkpoint of a log that a witness publishes for monitors (`<url>/<hex SHA-256 of the origin>/checkpoint`); undefined if it does not know the log.
 * @throws AnchorError `anchor_unavailable`
 */
export async function cosignedCheckpoint(url: string, origin: string, timeoutMs = ANSWER_MS_MAX): Promise<SavedNote | undefined> {
  const hash = createHash('sha256').update(origin).digest('hex');
  const saved = await get(new URL(`${url.replace(/\/+$/, '')}/${hash}/checkpoint`), timeoutMs);
  if (saved === undefined) return undefined;
  const actual = checkpointIn(saved).origin;
  if (actual !== origin)
    throw new AnchorError('anchor_unavailable', `${saved.name}: expected a checkpoint of ${origin}, got ${actual}; check the address.`);
  return withTime(saved);
}

/** The checkpoint at a URL. @throws AnchorError `anchor_unavailable` */
export async function checkpointAt(url: string, timeoutMs = ANSWER_MS_MAX): Promise<SavedNote> {
  const address = new URL(url);
  const saved = await get(address, timeoutMs);
  if (saved === undefined) throw new AnchorError('anchor_unavailable', `${nameOf(address)} not found: check the address.`);
  checkpointIn(saved);
  return withTime(saved);
}

async function get(address: URL, timeoutMs: number): Promise<SavedNote | undefined> {
  const name = nameOf(address);
  const answer = await ask(new Request(address), NOTE_BYTES_MAX, timeoutMs).catch((cause: Error) => {
    throw new AnchorError('anchor_unavailable', `${name} is unreachable (${cause.message}): check the address and the network.`, {
      cause,
    });
  });
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw new AnchorError('anchor_unavailable', `${name} returned status ${answer.status}: check the address.`);
  return { name, note: answer.body };
}

/** Adds the earliest cosignature time: the checkpoint existed then. The signature is not verified here. */
function withTime(saved: SavedNote): SavedNote {
  const times = parseNote(saved.note).signatures.flatMap(({ signature }) =>
    signature.length === COSIGNATURE_BYTES ? Number(Buffer.from(signature).readBigUInt64BE(0)) * 1_000 : [],
  );
  return times.length === 0 ? saved : { ...saved, savedAtMs: Math.min(...times) };
}
/** Eight bytes of time, then an Ed25519 signature (C2SP tlog-cosignature). */
const COSIGNATURE_BYTES = 72;

/** Without the query, which may contain a credential. */
function nameOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}
