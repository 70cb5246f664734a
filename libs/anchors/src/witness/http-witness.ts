import { AnchorError, type PublishedCheckpoint, type Witness } from '@recant/ledger';
import {
  addSignatures,
  decodeConflict,
  decodeCosignatures,
  encodeAddCheckpoint,
  formatSignatures,
  NOTE_BYTES_MAX,
  parseNote,
  parseVerifierKey,
  TransparencyError,
  type VerifierKey,
  verifySignatures,
  WITNESS_CONFLICT_TYPE,
} from '@recant/transparency';
import { ANSWER_MS_MAX, type Answer, ask } from '../answer.ts';

export interface HttpWitnessOptions {
  /** Submission prefix, without `/add-checkpoint`. */
  readonly url: string;
  /** C2SP vkey of type 0x04 that verifies the cosignatures. */
  readonly vkey: string;
  readonly timeoutMs?: number;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
}

/** Requests per checkpoint: with unknown size, with known size, and after another replica advanced it. */
const REQUESTS_MAX = 3;
/** Tolerance for a witness's clock ahead of ours, seconds. */
const AHEAD_SECONDS_MAX = 300n;
/** Cached sizes; a missing one costs one more request. */
const SIZES_MAX = 100_000;

type ProofFrom = (oldSize: bigint) => Promise<readonly Uint8Array[]>;

/** A C2SP tlog-witness over HTTP. Returns only cosignatures verified under the configured key. */
export function httpWitness(options: HttpWitnessOptions): Witness {
  const key = parseVerifierKey(options.vkey);
  const sizes = new Map<string, bigint>();
  const remember = (origin: string, size: bigint): void => {
    if (sizes.size >= SIZES_MAX) sizes.clear();
    sizes.set(origin, size);
  };
  return {
    name: key.name,
    async cosign(origin, checkpoint, proofFrom) {
      for (let request = 0; request < REQUESTS_MAX; request++) {
        const sizeBefore = sizes.get(origin) ?? 0n;
        requireNotAhead(key, sizeBefore, checkpoint);
        const answer = await submit(options, key, sizeBefore, checkpoint, proofFrom);
        if (answer.status === 200) {
          const lines = cosignaturesIn(answer, key, checkpoint, BigInt(Math.floor(options.clock() / 1_000)));
          remember(origin, checkpoint.size);
          return lines;
        }
        if (answer.status !== 409) throw refusalOf(answer, key, sizeBefore, checkpoint);
        const size = readWith(key, answer, sizeIn);
        if (size === sizeBefore) throw unavailable(key, `rejected size ${sizeBefore} as outdated, but returned the same size`);
        remember(origin, size);
      }
      throw unavailable(key, 'returned a different size for each request');
    },
  };
}

async function submit(
  { url, timeoutMs }: HttpWitnessOptions,
  key: VerifierKey,
  sizeBefore: bigint,
  checkpoint: PublishedCheckpoint,
  proofFrom: ProofFrom,
): Promise<Answer> {
  const proof = sizeBefore === 0n || sizeBefore === checkpoint.size ? [] : await proofFrom(sizeBefore);
  const body = encodeAddCheckpoint({ sizeBefore, proof, checkpoint: checkpoint.note });
  const request = new Request(`${url.replace(/\/+$/, '')}/add-checkpoint`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: Buffer.from(body),
  });
  try {
    return await ask(request, NOTE_BYTES_MAX, timeoutMs ?? ANSWER_MS_MAX);
  } catch (cause) {
    throw unavailable(key, `is unreachable (${(cause as Error).message})`, cause);
  }
}

/** Cosignatures of the configured key over this checkpoint that are not from the future. */
function cosignaturesIn(answer: Answer, key: VerifierKey, { note }: PublishedCheckpoint, nowSeconds: bigint): readonly string[] {
  return readWith(key, answer, ({ body }) => {
    const { text } = parseNote(note);
    const verified = verifySignatures(addSignatures({ text, signatures: [] }, decodeCosignatures(body)), [key]);
    const current = verified.filter(({ signature }) => {
      const time = Buffer.from(signature).readBigUInt64BE(0);
      return time > 0n && time <= nowSeconds + AHEAD_SECONDS_MAX;
    });
    if (current.length === 0)
      throw new TransparencyError('signature_missing', 'no cosignature by its key, or only one dated in the future');
    return formatSignatures(current).trimEnd().split('\n');
  });
}

function sizeIn({ mediaType, body }: Answer): bigint {
  if (mediaType !== WITNESS_CONFLICT_TYPE) throw new TransparencyError('malformed', `409 with ${JSON.stringify(mediaType.slice(0, 80))}`);
  return decodeConflict(body);
}

function readWith<T>(key: VerifierKey, answer: Answer, read: (answer: Answer) => T): T {
  try {
    return read(answer);
  } catch (cause) {
    if (!(cause instanceof TransparencyError)) throw cause;
    throw unavailable(key, `returned an invalid answer (${cause.message}): check its address and key`, cause);
  }
}

/** A witness is ahead if another replica was faster (the next round resolves it), or if the ledger was restored from an older copy (it persists). */
function requireNotAhead(key: VerifierKey, sizeKnown: bigint, { size, origin }: PublishedCheckpoint): void {
  if (sizeKnown > size)
    throw unavailable(
      key,
      `has cosigned ${sizeKnown} entries of ${origin}, this checkpoint has ${size}: if this persists, the ledger was restored from an older copy`,
    );
}

function refusalOf({ status }: Answer, key: VerifierKey, sizeBefore: bigint, { origin, size }: PublishedCheckpoint): AnchorError {
  if (status === 422) {
    const why = `Witness ${key.name} rejected the consistency proof of ${origin}: the log of ${size} entries does not extend the ${sizeBefore} entries that it cosigned.`;
    return new AnchorError('anchor_conflict', why);
  }
  if (status === 403 || status === 404)
    return unavailable(key, `does not know ${origin} or its key (${status}): give its operator this ledger’s vkey`);
  return unavailable(key, `returned status ${status}`);
}

function unavailable({ name }: VerifierKey, what: string, cause?: unknown): AnchorError {
  return new AnchorError('anchor_unavailable', `Witness ${name} ${what}.`, { cause });
}
