import { TransparencyError } from '@recant/transparency';
import { Keys } from '../keys.ts';
import { LedgerWalk, type VerifyOptions } from '../ledger-walk.ts';
import { LetterCheck } from '../letter-check.ts';
import { BrokenRule } from '../rules.ts';
import { brokenVerdict, type Sound, type Verdict } from '../verdict.ts';
import { INDEX_BYTES, KEYS_MAX, LETTER_BYTES_MAX, type RecordType } from './format.ts';
import { hasMembers, parseJsonRecord } from './json-record.ts';
import { type BundleLog, type Manifest, parseManifest } from './manifest.ts';
import { RecordParser } from './record-parser.ts';
import { checkStatement, parseEnvelope } from './statement.ts';

/**
 * Verifies a bundle in one pass, offline.
 * @param chunks pieces of the file; their memory must not be reused.
 */
export async function verifyBundle(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options: VerifyOptions): Promise<Verdict> {
  const reading = new BundleReading(options);
  try {
    return await reading.read(chunks);
  } catch (cause) {
    if (!(cause instanceof BrokenRule)) throw cause;
    return brokenVerdict(await reading.firstBroken(cause));
  }
}

/** The grammar of the file: which record may follow which. `LedgerWalk` verifies their contents. */
class BundleReading {
  readonly #options: VerifyOptions;
  readonly #parser = new RecordParser();
  readonly #vkeys: string[] = [];
  #manifest: Manifest | undefined;
  #keys = new Keys([]);
  #walk: LedgerWalk | undefined;
  /** Number of logs begun. */
  #logs = 0;
  #log: BundleLog | undefined;
  #isStarted = false;
  #letter: LetterCheck | undefined;
  #statement: (() => void) | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  async read(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Sound> {
    for await (const chunk of chunks) {
      this.#parser.push(chunk);
      if (this.#statement !== undefined) break;
      for (let type = this.#parser.next(); type !== undefined; type = this.#parser.next()) {
        // Await only where needed: an await costs as much as a hash.
        const pending = this.#handle(type);
        if (pending !== undefined) await pending;
        if (this.#statement !== undefined) break;
      }
    }
    if (this.#statement === undefined) throw new BrokenRule('truncated', 'the file ends before its signed statement', this.#log?.shard);
    this.#statement();
    if (this.#parser.rest > 0) throw new BrokenRule('trailing', 'bytes follow the statement');
    const { made, query } = this.#manifest as Manifest;
    return { ...(await (this.#walk as LedgerWalk).finish(query.shard === undefined, this.#options.keys !== undefined)), made, query };
  }

  /** The first broken rule in reading order; events are checked in batches and may report later. */
  async firstBroken(found: BrokenRule): Promise<BrokenRule> {
    return (await this.#walk?.earliest(found)) ?? found;
  }

  #handle(type: RecordType): Promise<void> | void {
    if (type === 'E') return this.#entry();
    if (type === 'D') return this.#deadLetter();
    const payload = this.#parser.payload();
    this.#endLetter();
    if (type === 'C') return this.#checkpoint(payload);
    if (type === 'M') return this.#readManifest(payload);
    if (type === 'K') return this.#key(payload);
    if (type === 'L') return this.#openLog(payload);
    if (type === 'P') return this.#start(payload);
    return this.#readStatement(payload);
  }

  #readManifest(payload: Buffer): void {
    if (this.#manifest !== undefined) throw this.#misplaced('M');
    this.#manifest = parseManifest(payload);
  }

  #key(payload: Buffer): void {
    const vkey = payload.toString('utf8');
    if (this.#manifest === undefined || this.#walk !== undefined || this.#vkeys.length >= KEYS_MAX) throw this.#misplaced('K');
    if (this.#vkeys.includes(vkey) || !vkey.startsWith(`${this.#manifest.ledger}+`))
      throw new BrokenRule('format', `expected distinct keys with the name ${this.#manifest.ledger}, got a duplicate or another name`);
    this.#vkeys.push(vkey);
  }

  async #openLog(payload: Buffer): Promise<void> {
    const walk = this.#begin('L');
    await this.#closeLog(walk);
    const log = this.#manifest?.logs[this.#logs];
    const value = parseJsonRecord(payload, 'the record of a log');
    if (log === undefined || !hasMembers(value, ['shard']) || value.shard !== log.shard) throw this.#misplaced('L');
    this.#logs += 1;
    this.#log = log;
    this.#isStarted = false;
    if (log.from === 0n) await this.#startLog(log, Buffer.alloc(0));
  }

  async #start(payload: Buffer): Promise<void> {
    if (this.#log === undefined || this.#isStarted) throw this.#misplaced('P');
    await this.#startLog(this.#log, payload);
  }

  async #startLog(log: BundleLog, start: Uint8Array): Promise<void> {
    this.#isStarted = true;
    try {
      await this.#walk?.open({ ...log, start });
    } catch (cause) {
      if (cause instanceof RangeError) throw new BrokenRule('format', cause.message, log.shard, undefined, cause);
      throw cause;
    }
  }

  #entry(): Promise<void> | undefined {
    this.#endLetter();
    const walk = this.#inLog('E');
    const index = this.#parser.index();
    const frame = walk.entry(index, this.#parser.payload(INDEX_BYTES));
    if (frame.kind === 'dead_letter') this.#letter = new LetterCheck((this.#log as BundleLog).shard, index, frame);
    return walk.due ? walk.settle() : undefined;
  }

  #deadLetter(): void {
    this.#inLog('D');
    const index = this.#parser.index();
    if (this.#letter === undefined)
      throw new BrokenRule('dead_letter_mismatch', 'no entry describes the message at this index', this.#log?.shard, index);
    this.#letter.add(index, this.#parser.payload(INDEX_BYTES), LETTER_BYTES_MAX);
  }

  #checkpoint(payload: Buffer): void {
    this.#inLog('C').checkpoint(payload);
  }

  async #readStatement(payload: Buffer): Promise<void> {
    const walk = this.#begin('S');
    await this.#closeLog(walk);
    const { logs, tenant, made } = this.#manifest as Manifest;
    if (this.#logs < logs.length) throw new BrokenRule('size_mismatch', 'the log is missing', logs[this.#logs]?.shard);
    const { keyId, message, signature, payload: signed } = parseEnvelope(payload);
    this.#keys.requireSigned(keyId, message, signature, 'the statement');
    this.#statement = () => checkStatement(signed, { digest: this.#parser.digest, tenant, made, counts: walk.counts });
  }

  /** Called at the first record after the keys. @throws BrokenRule `key_unknown` where no listed key is trusted. */
  #begin(type: string): LedgerWalk {
    if (this.#walk !== undefined) return this.#walk;
    if (this.#manifest === undefined || this.#vkeys.length === 0) throw this.#misplaced(type);
    const listed = parseKeys(this.#vkeys);
    const { keys } = this.#options;
    this.#keys = keys === undefined ? listed : listed.within(Keys.parse(keys));
    if (this.#keys.list().length === 0)
      throw new BrokenRule('key_unknown', `expected one of the given keys, got ${this.#vkeys.join(', ')}`);
    const { ledger, tenant, made } = this.#manifest;
    this.#walk = new LedgerWalk(ledger, tenant, this.#keys, this.#options, Date.parse(made));
    return this.#walk;
  }

  #inLog(type: string): LedgerWalk {
    if (this.#walk === undefined || this.#log === undefined || !this.#isStarted) throw this.#misplaced(type);
    return this.#walk;
  }

  async #closeLog(walk: LedgerWalk): Promise<void> {
    if (this.#log === undefined) return;
    if (!this.#isStarted) throw this.#misplaced('end of a log');
    await walk.close();
    this.#log = undefined;
  }

  #endLetter(): void {
    this.#letter?.requireComplete();
    this.#letter = undefined;
  }

  #misplaced(type: string): BrokenRule {
    return new BrokenRule('format', `unexpected record: ${type}`, this.#log?.shard);
  }
}

function parseKeys(vkeys: readonly string[]): Keys {
  try {
    return Keys.parse(vkeys);
  } catch (cause) {
    if (!(cause instanceof TransparencyError)) throw cause;
    throw new BrokenRule('format', `key: ${cause.message}`, undefined, undefined, cause);
  }
}
