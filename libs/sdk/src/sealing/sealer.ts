import { type DataKey, SEAL_NONCE_BYTES, sealPart } from '@recant/events';
import { RecantError } from '../error.ts';

/** A data key of one subject. The tenant is authenticated data of everything sealed under it. */
export interface SealingKey extends DataKey {
  readonly tenant: string;
}

/** Returns a new key at each call; a key is returned only once. Rejects if no key is available. */
export type MakeDataKey = (subject: string, signal: AbortSignal) => Promise<SealingKey>;

export interface SealingOptions {
  /** Source of data keys. Default: the ledger, if the transport reaches it over HTTP. */
  readonly dataKey?: MakeDataKey;
  /** Subject of actions that name none. Default: `agent/<agent>`. */
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
  /** @returns the sealed bytes, or undefined if no key is available; the caller then masks. Never rejects */
  seal(plain: Uint8Array, subject: string): Promise<Uint8Array | undefined>;
}

/** Limits of the key cache. They bound how long the key of an erased subject is still used (its contents are unreadable), and what a memory dump reveals. */
const USES_MAX = 100_000;
const AGE_MS_MAX = 3_600_000;
const SUBJECTS_MAX = 1_000;
const KEY_TIMEOUT_MS = 5_000;
/** No key is requested during this time after a failure, so that tools do not wait for each request to time out. */
const PAUSE_MS = 10_000;

interface CachedKey {
  readonly key: Promise<SealingKey>;
  readonly sinceMs: number;
  uses: number;
}

/** Seals with one key per subject, fetched at first use and cached in memory only. */
export function createSealer({ dataKey, clock, random, onProblem }: SealerOptions): Sealer {
  const cache = new Map<string, CachedKey>();
  let pausedUntilMs = 0;
  let failureReported = false;

  const keyOf = (subject: string): Promise<SealingKey> => {
    const known = cache.get(subject);
    const usable = known !== undefined && known.uses < USES_MAX && clock() - known.sinceMs < AGE_MS_MAX;
    const used = usable ? known : { key: dataKey(subject, AbortSignal.timeout(KEY_TIMEOUT_MS)), sinceMs: clock(), uses: 0 };
    used.uses += 1;
    cache.delete(subject);
    cache.set(subject, used);
    if (cache.size > SUBJECTS_MAX) cache.delete(cache.keys().next().value as string);
    return used.key;
  };

  return {
    async seal(plain, subject) {
      if (clock() < pausedUntilMs) return undefined;
      try {
        const key = await keyOf(subject);
        const sealed = sealPart(plain, key, { tenant: key.tenant, subject }, random(SEAL_NONCE_BYTES));
        failureReported = false;
        return sealed;
      } catch (cause) {
        cache.delete(subject);
        pausedUntilMs = clock() + PAUSE_MS;
        // Reported once per outage; the masks in the record show each value.
        if (!failureReported) onProblem(sealingFailed(cause));
        failureReported = true;
        return undefined;
      }
    },
  };
}

function sealingFailed(cause: unknown): RecantError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new RecantError(
    'sealing_failed',
    `Could not get an encryption key; values that would be sealed are masked until one is available: ${reason}`,
    {
      cause,
    },
  );
}
