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
import type { Cosigner, Vouched, WitnessStore } from './ports.ts';

/** C2SP tlog-witness, section add-checkpoint: what is answered, and with which status. */
export type WitnessAnswer =
  | { readonly kind: 'cosigned'; readonly status: 200; readonly body: Uint8Array; readonly checkpoint: Checkpoint }
  | { readonly kind: 'conflict'; readonly status: 409; readonly body: Uint8Array }
  | { readonly kind: 'refused'; readonly status: 400 | 403 | 404 | 422; readonly error: TransparencyError }
  | { readonly kind: 'full'; readonly status: 503 };

export interface WitnessDeps {
  /** Keys of logs. What is not signed by one of them is not looked at further. */
  readonly logKeys: readonly VerifierKey[];
  readonly store: WitnessStore;
  readonly cosigner: Cosigner;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
}

type Sound = Extract<WitnessVerdict, { kind: 'cosign' }>;
/** Undefined: somebody else advanced this log meanwhile. */
type Advanced = WitnessAnswer | undefined;

export interface Witness {
  addCheckpoint(body: Uint8Array): Promise<WitnessAnswer>;
  /** The last cosigned checkpoint, for monitors. @param originHash lower-case hex SHA-256 of the origin */
  checkpoint(originHash: string): Promise<Uint8Array | undefined>;
}

/**
 * Invariants. (1) What was cosigned of a log is the beginning of all that is cosigned of it later. (2) Nothing is signed before the head that it vouches
 * for is durable: a crash between the two leaves a head without a signature, for which the log asks again with that size.
 */
export function createWitness({ logKeys, store, cosigner, clock }: WitnessDeps): Witness {
  async function cosign(known: Vouched | undefined, { note, checkpoint }: Sound, keys: readonly VerifierKey[]): Promise<Advanced> {
    const signed: Note = { text: note.text, signatures: verifyNote(note, keys) };
    // Before the step that makes it durable, so that of two cosignatures the one of the larger tree never has the earlier time.
    const timeSeconds = BigInt(Math.floor(clock() / 1_000));
    const advance = await store.advance(known?.size, { ...headOf(checkpoint), note: encodeNote(signed) });
    if (advance === 'moved') return undefined;
    if (advance === 'full') return { kind: 'full', status: 503 };
    const signature = cosigner.cosign(note.text, timeSeconds);
    await store.show({ origin: checkpoint.origin, size: checkpoint.size, note: encodeNote(addSignatures(signed, [signature])) });
    return { kind: 'cosigned', status: 200, body: encodeCosignatures([signature]), checkpoint };
  }

  return {
    async addCheckpoint(body) {
      for (;;) {
        // Which log it is about is known only after reading it: once to look it up, and once to judge it against what is known.
        const origin = originIn(body);
        const keys = origin === undefined ? undefined : keysFor(origin, logKeys);
        const known = keys === undefined ? undefined : await store.read(origin as string);
        const verdict = judgeAddCheckpoint(body, () => keys && { keys, latest: known });
        if (verdict.kind !== 'cosign') return answerOf(verdict);
        const answer = await cosign(known, verdict, keys as readonly VerifierKey[]);
        if (answer !== undefined) return answer;
        // Moved: judged again, against a larger tree each time, so this ends.
      }
    },
    checkpoint: (originHash) => store.shown(originHash),
  };
}

const headOf = ({ origin, size, root }: Checkpoint) => ({ origin, size, root });

/** Undefined where the body is not well formed. */
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
