import {
  addSignatures,
  type Checkpoint,
  encodeConflict,
  encodeCosignatures,
  encodeNote,
  judgeAddCheckpoint,
  type Note,
  type TransparencyError,
  type VerifierKey,
  verifyNote,
  WITNESS_STATUS,
  type WitnessVerdict,
} from '@recant/transparency';
import { keysFor } from './known-logs.ts';
import type { CosignedHead, Cosigner, WitnessStore } from './ports.ts';

/** Answers to add-checkpoint with their HTTP status (C2SP tlog-witness). */
export type WitnessAnswer =
  | { readonly kind: 'cosigned'; readonly status: 200; readonly body: Uint8Array; readonly checkpoint: Checkpoint }
  | { readonly kind: 'conflict'; readonly status: 409; readonly body: Uint8Array }
  | { readonly kind: 'refused'; readonly status: 400 | 403 | 404 | 422; readonly error: TransparencyError }
  | { readonly kind: 'full'; readonly status: 503 };

export interface WitnessDeps {
  /** Keys of the accepted logs. A checkpoint without a signature by one of them is refused. */
  readonly logKeys: readonly VerifierKey[];
  readonly store: WitnessStore;
  readonly cosigner: Cosigner;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
}

type Sound = Extract<WitnessVerdict, { kind: 'cosign' }>;
/** Undefined: a concurrent request advanced this log. */
type Advanced = WitnessAnswer | undefined;

export interface Witness {
  addCheckpoint(body: Uint8Array): Promise<WitnessAnswer>;
  /** The latest cosigned checkpoint, for monitors. @param originHash lower-case hex SHA-256 of the origin */
  checkpoint(originHash: string): Promise<Uint8Array | undefined>;
}

/**
 * Invariants. (1) Every cosigned tree of a log is a prefix of every tree cosigned later. (2) A head is durable before it is signed: a crash in between
 * leaves a head without a cosignature, and the log asks again with that size.
 */
export function createWitness({ logKeys, store, cosigner, clock }: WitnessDeps): Witness {
  async function cosign(known: CosignedHead | undefined, { note, checkpoint }: Sound, keys: readonly VerifierKey[]): Promise<Advanced> {
    const signed: Note = { text: note.text, signatures: verifyNote(note, keys) };
    // Read before the head becomes durable, so that a larger tree never has an earlier cosignature time.
    const timeSeconds = BigInt(Math.floor(clock() / 1_000));
    const advance = await store.advance(known?.size, { ...headOf(checkpoint), note: encodeNote(signed) });
    if (advance === 'moved') return undefined;
    if (advance === 'full') return { kind: 'full', status: 503 };
    const signature = cosigner.cosign(note.text, timeSeconds);
    await store.putCosigned({ origin: checkpoint.origin, size: checkpoint.size, note: encodeNote(addSignatures(signed, [signature])) });
    return { kind: 'cosigned', status: 200, body: encodeCosignatures([signature]), checkpoint };
  }

  return {
    async addCheckpoint(body) {
      for (;;) {
        // Parsed twice: first for the origin, to look up the log's head, then judged against that head.
        const origin = originIn(body);
        const keys = origin === undefined ? undefined : keysFor(origin, logKeys);
        const known = keys === undefined ? undefined : await store.read(origin as string);
        const verdict = judgeAddCheckpoint(body, () => keys && { keys, latest: known });
        if (verdict.kind !== 'cosign') return answerOf(verdict);
        const answer = await cosign(known, verdict, keys as readonly VerifierKey[]);
        if (answer !== undefined) return answer;
        // Moved: judged again against a larger tree, so that the loop terminates.
      }
    },
    checkpoint: (originHash) => store.readCosigned(originHash),
  };
}

const headOf = ({ origin, size, root }: Checkpoint) => ({ origin, size, root });

/** Undefined if the body is malformed. */
function originIn(body: Uint8Array): string | undefined {
  let found: string | undefined;
  judgeAddCheckpoint(body, (origin) => {
    found = origin;
    return undefined;
  });
  return found;
}

function answerOf(verdict: Exclude<WitnessVerdict, { kind: 'cosign' }>): WitnessAnswer {
  if (verdict.kind === 'conflict') return { kind: 'conflict', status: 409, body: encodeConflict(verdict.size) };
  return { kind: 'refused', status: WITNESS_STATUS[verdict.kind] as 400 | 403 | 404 | 422, error: verdict.error };
}
