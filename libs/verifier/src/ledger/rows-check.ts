import { hash } from 'node:crypto';
import { canonicalize, decodeEvent, parseSequence, type RecantEvent } from '@recant/events';
import { deadLetterBody, type Frame, type RefusalCode } from '@recant/ledger';
import { BrokenRule, type Rule } from '../rules.ts';
import { type ExpectedRow, expectedRows } from './expected.ts';
import { MergeCursor } from './merge-cursor.ts';
import type {
  LedgerSnapshot,
  ProjectionTable,
  StoredDeadLetter,
  StoredEffectSum,
  StoredEntry,
  StoredHead,
  StoredProjection,
} from './ports.ts';

const TABLES: readonly ProjectionTable[] = ['attempt', 'settlement', 'effect', 'observed', 'effect_count'];

type Sources = ReadonlyMap<number, { readonly source: string; readonly shard: number }>;
/** Entries that the read models of each log have, by shard. */
type Projected = ReadonlyMap<number, bigint>;

/**
 * Rebuilds every projection and dead letter from its entry and compares it with the stored row. Entries that the read models do not have yet must have no rows.
 * `finish` throws the difference, so that a broken log is reported first.
 */
export class RowsCheck {
  readonly #heads: readonly StoredHead[];
  readonly #projected: Projected;
  readonly #sources: Sources;
  readonly #snapshot: LedgerSnapshot;
  readonly #letters: MergeCursor<StoredDeadLetter>;
  readonly #projections: ReadonlyMap<ProjectionTable, MergeCursor<StoredProjection>>;
  #broken: BrokenRule | undefined;

  private constructor(snapshot: LedgerSnapshot, heads: readonly StoredHead[], projected: Projected, sources: Sources) {
    this.#snapshot = snapshot;
    this.#heads = heads;
    this.#projected = projected;
    this.#sources = sources;
    this.#letters = new MergeCursor(snapshot.deadLetters());
    this.#projections = new Map(TABLES.map((table) => [table, new MergeCursor(snapshot.projections(table))]));
  }

  static async of(snapshot: LedgerSnapshot, heads: readonly StoredHead[]): Promise<RowsCheck> {
    return new RowsCheck(snapshot, heads, await snapshot.projected(), await snapshot.sources());
  }

  /** Entries that the read models lack. */
  get behind(): number {
    return this.#heads.reduce((sum, { shard, size }) => sum + Number(size - (this.#projected.get(shard) ?? 0n)), 0);
  }

  async entry(entry: StoredEntry, frame: Frame): Promise<void> {
    await this.#untilBroken(() => this.#compare(entry, frame));
  }

  /** @throws BrokenRule the first row that differs from its entry. */
  async finish(): Promise<void> {
    await this.#untilBroken(async () => {
      this.#checkProjected();
      await this.#letters.drain(strayLetter);
      for (const rows of this.#projections.values()) await rows.drain(strayRow);
      await checkSums(this.#snapshot.effectSums());
    });
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Stops comparing at the first difference: one surplus row shifts all rows after it. */
  async #untilBroken(compare: () => Promise<void>): Promise<void> {
    if (this.#broken !== undefined) return;
    try {
      await compare();
    } catch (cause) {
      if (!(cause instanceof BrokenRule)) throw cause;
      this.#broken = cause;
    }
  }

  /** Later entries would never get their rows. */
  #checkProjected(): void {
    for (const [shard, projected] of this.#projected) {
      const size = this.#heads.find((head) => head.shard === shard)?.size ?? 0n;
      if (projected > size)
        throw new BrokenRule('projection_missing', `the read models claim to have ${projected} entries, the log has ${size}`, shard);
    }
  }

  async #compare(entry: StoredEntry, frame: Frame): Promise<void> {
    const [letter] = await this.#letters.rowsAt(entry, strayLetter);
    let required: readonly ExpectedRow[] = [];
    if (frame.kind === 'event') required = this.#eventRows(entry, frame);
    if (frame.kind === 'dead_letter') required = this.#letterRows(entry, frame, letter);
    else if (letter !== undefined) strayLetter(letter);
    const expected = entry.index < (this.#projected.get(entry.shard) ?? 0n) ? required : [];
    for (const [table, rows] of this.#projections) {
      const stored = await rows.rowsAt(entry, strayRow);
      compareRows(
        entry,
        table,
        stored,
        expected.filter((row) => row.table === table),
      );
    }
  }

  #eventRows({ shard, index, sourceNo, eventId, sequence }: StoredEntry, frame: Frame): readonly ExpectedRow[] {
    const event = eventOf(frame.body);
    // EventCheck reports a body that is not an event.
    if (event === undefined) return [];
    const source = sourceNo === undefined ? undefined : this.#sources.get(sourceNo);
    if (source?.source !== event.source || eventId !== event.id || sequence !== parseSequence(event.sequence)) {
      const detail = `expected the columns of ${event.source} ${event.id}, got ${source?.source} ${eventId}`;
      throw new BrokenRule('projection_differs', detail, shard, index);
    }
    return expectedRows(event, {
      sourceNo: sourceNo ?? -1,
      sequence: sequence ?? -1,
      keyId: frame.keyId,
      receivedAtMs: frame.receivedAtMs,
    });
  }

  #letterRows({ shard, index }: StoredEntry, frame: Frame, letter: StoredDeadLetter | undefined): readonly ExpectedRow[] {
    const { keyId, receivedAtMs } = frame;
    const fits = letter !== undefined && letter.keyId === keyId && letter.receivedAtMs === receivedAtMs;
    if (!fits || Buffer.compare(bodyOf(letter), frame.body) !== 0) {
      throw new BrokenRule('dead_letter_mismatch', 'the stored message does not match the description in its entry', shard, index);
    }
    // A refused message changes no read model, an equivocation included.
    return [];
  }
}

function compareRows(
  { shard, index }: StoredEntry,
  table: ProjectionTable,
  stored: readonly StoredProjection[],
  expected: readonly ExpectedRow[],
): void {
  if (stored.length === 0 && expected.length === 0) return;
  const wanted = new Set(expected.map(({ columns }) => canonicalize(columns)));
  const found = new Set(stored.map(({ columns }) => canonicalize(columns)));
  const missing = [...wanted].filter((row) => !found.has(row));
  const surplus = [...found].filter((row) => !wanted.has(row));
  if (missing.length === 0 && surplus.length === 0) return;
  const rule: Rule = missing.length === 0 ? 'projection_unexpected' : surplus.length === 0 ? 'projection_missing' : 'projection_differs';
  throw new BrokenRule(rule, `${table}: expected ${missing[0] ?? 'no row'}, got ${surplus[0] ?? 'no row'}`, shard, index);
}

/** The numbers of each row are those of its entry by now; their sums depend on the rows before it. */
async function checkSums(rows: AsyncIterable<StoredEffectSum>): Promise<void> {
  let last: Pick<StoredEffectSum, 'key' | 'reportedSum' | 'observedSum'> = { key: '', reportedSum: 0, observedSum: 0 };
  for await (const row of rows) {
    if (row.key !== last.key) last = { key: row.key, reportedSum: 0, observedSum: 0 };
    last = { key: row.key, reportedSum: last.reportedSum + row.reported, observedSum: last.observedSum + row.observed };
    if (row.reportedSum === last.reportedSum && row.observedSum === last.observedSum) continue;
    const expected = `${last.reportedSum} reported and ${last.observedSum} observed effects`;
    const detail = `effect_count: expected ${expected} up to this entry, got ${row.reportedSum} and ${row.observedSum}`;
    throw new BrokenRule('projection_differs', detail, row.shard, row.index);
  }
}

function strayLetter({ shard, index }: StoredDeadLetter): never {
  throw new BrokenRule('dead_letter_mismatch', 'no entry describes the message at this index', shard, index);
}

function strayRow({ shard, index, table }: StoredProjection): never {
  throw new BrokenRule('projection_unexpected', `${table}: no entry has this index`, shard, index);
}

function bodyOf({ code, detail, origin, bytes }: StoredDeadLetter): Uint8Array {
  return deadLetterBody({ code: code as RefusalCode, detail, origin, digest: hash('sha256', bytes), size: bytes.length });
}

function eventOf(bytes: Uint8Array): RecantEvent | undefined {
  const decoded = decodeEvent(bytes);
  return decoded.ok ? decoded.event : undefined;
}
