import { type DataKey, SEAL_NONCE_BYTES, sealPart } from '@recant/events';
import { RecantError } from '../error.ts';

/** A key of one subject, with the tenant that is authenticated in what it seals. */
export interface SealingKey extends DataKey {
  readonly tenant: string;
}

/** Gives a new key at each call; nobody gives it again. Rejects where it cannot now. */
export type MakeDataKey = (subject: string, signal: AbortSignal) => Promise<SealingKey>;

export interface SealingOptions {
  /** Where keys come from. Default: the ledger, where the transport reaches it over HTTP. */
  readonly dataKey?: MakeDataKey;
  /** Whose data it is where an action does not say. Default: `agent/<agent>`. */
  readonly subject?: string;
}

export interface SealerOptions {
  readonly dataKey: MakeDataKey;
  /** Unix time in milliseconds. */
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly onProblem: (problem: RecantError) => void;
}

export interface Sealer {
  /** The sealed bytes; undefined where no key is to be had: then nothing of it leaves the process. Never rejects. */
  seal(plain: Uint8Array, subject: string): Promise<Uint8Array | undefined>;
}

/** Uses and age of one key, and subjects whose key is kept: what an erased subject's key may still seal, unreadably, and what a memory dump holds. */
const USES_MAX = 100_000;
const AGE_MS_MAX = 3_600_000;
const SUBJECTS_MAX = 1_000;
const KEY_TIMEOUT_MS = 5_000;
/** After a failure no key is asked for during this time: tools do not wait for it again and again. */
const PAUSE_MS = 10_000;

interface Held {
  readonly key: Promise<SealingKey>;
  readonly sinceMs: number;
  uses: number;
}

/** Seals under one key a subject, which it asks for when first needed and keeps in memory only. */
export function createSealer({ dataKey, clock, random, onProblem }: SealerOptions): Sealer {
  const held = new Map<string, Held>();
  let pausedUntilMs = 0;
  let told = false;

  const keyOf = (subject: string): Promise<SealingKey> => {
    const known = held.get(subject);
    const usable = known !== undefined && known.uses < USES_MAX && clock() - known.sinceMs < AGE_MS_MAX;
    const used = usable ? known : { key: dataKey(subject, AbortSignal.timeout(KEY_TIMEOUT_MS)), sinceMs: clock(), uses: 0 };
    used.uses += 1;
    held.delete(subject);
    held.set(subject, used);
    if (held.size > SUBJECTS_MAX) held.delete(held.keys().next().value as string);
    return used.key;
  };

  return {
    async seal(plain, subject) {
      if (clock() < pausedUntilMs) return undefined;
      try {
        const key = await keyOf(subject);
        const sealed = sealPart(plain, key, { tenant: key.tenant, subject }, random(SEAL_NONCE_BYTES));
        told = false;
        return sealed;
      } catch (cause) {
        held.delete(subject);
        pausedUntilMs = clock() + PAUSE_MS;
        // Once for each time that it stops working: what is masked says so itself.
        if (!told) onProblem(sealingFailed(cause));
        told = true;
        return undefined;
      }
    },
  };
}

function sealingFailed(cause: unknown): RecantError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new RecantError('sealing_failed', `No key that seals is to be had, so what was to be sealed is masked for now: ${reason}`, {
    cause,
  });
}
