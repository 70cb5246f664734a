import { createHash, type Hash } from 'node:crypto';
import { type DeadLetterDescription, deadLetterBody, type Frame } from '@recant/ledger';
import { hasMembers, parseJsonRecord } from './bundle/json-record.ts';
import { BrokenRule } from './rules.ts';

/** Compares a refused message with the description in its entry, piece by piece. */
export class LetterCheck {
  readonly #place: readonly [number, bigint];
  readonly #digest: string;
  readonly #hash: Hash = createHash('sha256');
  #left: number;
  #pieces = 0;

  /** @throws BrokenRule `dead_letter_mismatch` where the entry does not describe a message. */
  constructor(shard: number, index: bigint, { body }: Frame) {
    this.#place = [shard, index];
    const { digest, size } = this.#read(body);
    this.#digest = digest;
    this.#left = size;
  }

  /** @param bytesMax length of every piece except the last. @throws BrokenRule */
  add(index: bigint, bytes: Uint8Array, bytesMax: number): void {
    if (index !== this.#place[1]) throw this.#mismatch(`expected the message of entry ${this.#place[1]}, got one of entry ${index}`);
    if (this.done || bytes.length !== Math.min(this.#left, bytesMax))
      throw this.#mismatch('the length of the message differs from its entry');
    this.#hash.update(bytes);
    this.#left -= bytes.length;
    this.#pieces += 1;
    if (this.done && this.#hash.digest('hex') !== this.#digest) throw this.#mismatch('the digest of the message differs from its entry');
  }

  get done(): boolean {
    return this.#pieces > 0 && this.#left === 0;
  }

  /** @throws BrokenRule where the message is missing or incomplete. */
  requireComplete(): void {
    if (!this.done) throw this.#mismatch(this.#pieces === 0 ? 'the message is missing' : 'the message is incomplete');
  }

  #read(body: Uint8Array): DeadLetterDescription {
    const letter = parseBody(body);
    if (!isDescription(letter) || Buffer.compare(deadLetterBody(letter), body) !== 0)
      throw this.#mismatch('the entry does not describe a message');
    return letter;
  }

  #mismatch(detail: string): BrokenRule {
    return new BrokenRule('dead_letter_mismatch', detail, ...this.#place);
  }
}

function isDescription(value: unknown): value is DeadLetterDescription {
  return hasMembers(value, ['code', 'detail', 'digest', 'origin', 'size']) && Number.isSafeInteger(value.size) && Number(value.size) >= 0;
}

function parseBody(body: Uint8Array): unknown {
  try {
    return parseJsonRecord(body, 'the body of a dead-letter entry');
  } catch (cause) {
    if (cause instanceof BrokenRule) return undefined;
    throw cause;
  }
}
