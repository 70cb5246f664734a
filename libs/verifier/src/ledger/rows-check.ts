import { hash } from 'node:crypto';
import { canonicalize, decodeEvent, parseSequence, type RecantEvent } from '@recant/events';
import { deadLetterBody, type Frame, type RefusalCode } from '@recant/ledger';
import { BrokenRule, type Rule } from '../rules.ts';
import { Beside } from './beside.ts';
import { type ExpectedRow, expectedOfEquivocation, expectedRows } from './expected.ts';
import type { LedgerSnapshot, ProjectionTable, StoredDeadLetter, StoredEntry, StoredProjection } from './ports.ts';

const TABLES: readonly ProjectionTable[] = ['attempt', 'settlement', 'effect'];

type Sources = ReadonlyMap<number, { readonly source: string; readonly shard: number }>;

/** What stands beside the entries in the database: every row is rebuilt from its entry and compared. What differs is told at the end: a broken log comes first. */
export class RowsCheck {
  readonly #sources: Sources;
  readonly #letters: Beside<StoredDeadLetter>;
  readonly #projections: ReadonlyMap<ProjectionTable, Beside<StoredProjection>>;
  readonly #numbers: ReadonlyMap<string, number>;
  #broken: BrokenRule | undefined;

  constructor(sources: Sources, snapshot: LedgerSnapshot) {
    this.#sources = sources;
    this.#numbers = new Map([...sources].map(([number, { source }]) => [source, number]));
    this.#letters = new Beside(snapshot.deadLetters());
    this.#projections = new Map(TABLES.map((table) => [table, new Beside(snapshot.projections(table))]));
  }

  async entry(entry: StoredEntry, frame: Frame): Promise<void> {
    await this.#keepFirst(() => this.#compare(entry, frame));
  }

  /** @throws BrokenRule the first row that is not what its entry gives. */
  async finish(): Promise<void> {
    await this.#keepFirst(async () => {
      await this.#letters.rest(strayLetter);
      for (const rows of this.#projections.values()) await rows.rest(strayRow);
    });
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Nothing is compared after the first difference: one row too many shifts all that follow. */
  async #keepFirst(compare: () => Promise<void>): Promise<void> {
    if (this.#broken !== undefined) return;
    try {
      await compare();
    } catch (cause) {
      if (!(cause instanceof BrokenRule)) throw cause;
      this.#broken = cause;
    }
  }

  async #compare(entry: StoredEntry, frame: Frame): Promise<void> {
    const [letter] = await this.#letters.take(entry, strayLetter);
    let expected: readonly ExpectedRow[] = [];
    if (frame.kind === 'event') expected = this.#eventRows(entry, frame);
    if (frame.kind === 'dead_letter') expected = this.#letterRows(entry, frame, letter);
    else if (letter !== undefined) strayLetter(letter);
    for (const [table, rows] of this.#projections) {
      const stored = await rows.take(entry, strayRow);
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
    // What is no event is named where events are looked at.
    if (event === undefined) return [];
    const source = sourceNo === undefined ? undefined : this.#sources.get(sourceNo);
    if (source?.source !== event.source || eventId !== event.id || sequence !== parseSequence(event.sequence)) {
      const detail = `the columns name ${source?.source} ${eventId}, the event ${event.source} ${event.id}`;
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
    if (!fits || Buffer.compare(describe(letter), frame.body) !== 0) {
      throw new BrokenRule('dead_letter_mismatch', 'the message beside the log is not what its entry describes', shard, index);
    }
    const event = letter.code === 'equivocation' ? eventOf(letter.bytes) : undefined;
    if (event === undefined) return [];
    const sequence = parseSequence(event.sequence) ?? -1;
    return expectedOfEquivocation(event, { sourceNo: this.#numbers.get(event.source) ?? -1, sequence, keyId, receivedAtMs });
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
  const foreign = [...found].filter((row) => !wanted.has(row));
  if (missing.length === 0 && foreign.length === 0) return;
  const rule: Rule = missing.length === 0 ? 'projection_unexpected' : foreign.length === 0 ? 'projection_missing' : 'projection_differs';
  throw new BrokenRule(rule, `${table}: stored ${foreign[0] ?? 'nothing'}, the entry gives ${missing[0] ?? 'nothing'}`, shard, index);
}

function strayLetter({ shard, index }: StoredDeadLetter): never {
  throw new BrokenRule('dead_letter_mismatch', 'no entry describes this message', shard, index);
}

function strayRow({ shard, index, table }: StoredProjection): never {
  throw new BrokenRule('projection_unexpected', `${table}: no entry stands here`, shard, index);
}

function describe({ code, detail, origin, bytes }: StoredDeadLetter): Uint8Array {
  return deadLetterBody({ code: code as RefusalCode, detail, origin, digest: hash('sha256', bytes), size: bytes.length });
}

function eventOf(bytes: Uint8Array): RecantEvent | undefined {
  const decoded = decodeEvent(bytes);
  return decoded.ok ? decoded.event : undefined;
}
