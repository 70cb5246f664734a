import {
  type Checkpoint,
  formatVerifierKey,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  TransparencyError,
  type VerifierKey,
  verifyNote,
} from '@recant/transparency';
import { keyIdOf } from './bundle/statement.ts';
import { BrokenRule, type Rule } from './rules.ts';

/** The ledger keys whose signatures are trusted. */
export class Keys {
  readonly #keys: readonly VerifierKey[];
  constructor(keys: readonly VerifierKey[]) {
    this.#keys = keys;
  }

  /** @throws TransparencyError where a line is not a verifier key. */
  static parse(vkeys: readonly string[]): Keys {
    return new Keys(vkeys.map((vkey) => parseVerifierKey(vkey)));
  }

  /** The keys that are also in `others`. */
  within(others: Keys): Keys {
    const known = new Set(others.list());
    return new Keys(this.#keys.filter((key) => known.has(formatVerifierKey(key))));
  }

  list(): readonly string[] {
    return this.#keys.map(formatVerifierKey);
  }

  /** Opens a checkpoint signed by one of the keys. @throws BrokenRule `format`, `key_unknown`, `signature_invalid` */
  openCheckpoint(note: Uint8Array, shard?: number, index?: bigint): Checkpoint {
    try {
      const parsed = parseNote(note);
      const checkpoint = parseCheckpoint(parsed.text);
      verifyNote(parsed, this.#keys);
      return checkpoint;
    } catch (cause) {
      if (!(cause instanceof TransparencyError)) throw cause;
      const known: Partial<Record<string, Rule>> = { signature_missing: 'key_unknown', signature_invalid: 'signature_invalid' };
      throw new BrokenRule(known[cause.code] ?? 'format', `checkpoint: ${cause.message}`, shard, index, cause);
    }
  }

  /** @param keyId `<name>+<8 hex>`. @throws BrokenRule `key_unknown`, `signature_invalid` */
  requireSigned(keyId: string, message: Uint8Array, signature: Uint8Array, what: string): void {
    const key = this.#keys.find((candidate) => keyIdOf(formatVerifierKey(candidate)) === keyId);
    if (key?.verify === undefined) throw new BrokenRule('key_unknown', `${what} is signed with the unknown key ${JSON.stringify(keyId)}`);
    if (!key.verify(Buffer.from(message).toString('utf8'), signature)) {
      throw new BrokenRule('signature_invalid', `the signature of ${keyId} does not match ${what}`);
    }
  }
}
