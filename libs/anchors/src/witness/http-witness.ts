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
  /** Submission prefix: `/add-checkpoint` comes behind it. */
  readonly url: string;
  /** C2SP vkey of type 0x04: whose cosignatures are believed. */
  readonly vkey: string;
  readonly timeoutMs?: number;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
}

/** Questions for one checkpoint: its size is unknown, then known, then moved by another replica. */
const QUESTIONS_MAX = 3;
/** Seconds that a witness's clock may be ahead. */
const AHEAD_SECONDS_MAX = 300n;
/** Sizes remembered; without one the witness is asked. */
const SIZES_MAX = 100_000;

type ProofFrom = (oldSize: bigint) => Promise<readonly Uint8Array[]>;

/** A C2SP tlog-witness over HTTP. What it answers is believed after its signature was verified, and nothing of others' keys is passed on. */
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
      for (let question = 0; question < QUESTIONS_MAX; question++) {
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
        if (size === sizeBefore) throw unavailable(key, 'names the size it was asked with as another one');
        remember(origin, size);
      }
      throw unavailable(key, 'names another size each time it is asked');
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
    throw unavailable(key, `does not answer (${(cause as Error).message})`, cause);
  }
}

/** Only of the one key, verified over this checkpoint, and not from the future. */
function cosignaturesIn(answer: Answer, key: VerifierKey, { note }: PublishedCheckpoint, nowSeconds: bigint): readonly string[] {
  return readWith(key, answer, ({ body }) => {
    const { text } = parseNote(note);
    const verified = verifySignatures(addSignatures({ text, signatures: [] }, decodeCosignatures(body)), [key]);
    const current = verified.filter(({ signature }) => {
      const time = Buffer.from(signature).readBigUInt64BE(0);
      return time > 0n && time <= nowSeconds + AHEAD_SECONDS_MAX;
    });
    if (current.length === 0) throw new TransparencyError('signature_missing', 'no cosignature of its key, or one from the future');
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
    throw unavailable(key, `answers what no witness may (${cause.message}): check its address and key`, cause);
  }
}

/** It has cosigned more than this: another replica was faster, which the next round knows, or the ledger was set back, which then stays so. */
function requireNotAhead(key: VerifierKey, sizeKnown: bigint, { size, origin }: PublishedCheckpoint): void {
  if (sizeKnown > size)
    throw unavailable(
      key,
      `has cosigned ${sizeKnown} entries of ${origin}, and is asked for ${size}: if it stays so, the ledger was set back`,
    );
}

function refusalOf({ status }: Answer, key: VerifierKey, sizeBefore: bigint, { origin, size }: PublishedCheckpoint): AnchorError {
  if (status === 422) {
    const why = `The witness ${key.name} has cosigned another tree of ${origin} at ${sizeBefore} entries than the one that now has ${size}.`;
    return new AnchorError('anchor_conflict', why);
  }
  if (status === 403 || status === 404)
    return unavailable(key, `does not know ${origin} or its key (${status}): give its operator our vkey`);
  return unavailable(key, `answers ${status}`);
}

function unavailable({ name }: VerifierKey, what: string, cause?: unknown): AnchorError {
  return new AnchorError('anchor_unavailable', `The witness ${name} ${what}.`, { cause });
}
