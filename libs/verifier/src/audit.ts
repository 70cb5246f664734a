import { hash } from 'node:crypto';
import { canonicalize, decodeEvent, parseSequence, type RecantEvent, shardOf } from '@recant/events';
import { deadLetterBody, type Frame, type RefusalCode } from '@recant/ledger';
import { type ExpectedRow, expectedOfEquivocation, expectedRows } from './expected.ts';
import { LogCheck } from './log-check.ts';
import { Beside } from './merge.ts';
import type { LedgerSnapshot, ProjectionTable, StoredDeadLetter, StoredEntry, StoredProjection } from './ports.ts';
import type { Report, Violation } from './violation.ts';

const TABLES: readonly ProjectionTable[] = ['attempt', 'settlement', 'effect'];
/** A broken ledger breaks in many places: enough are named to see how. */
const VIOLATIONS_MAX = 1_000;

/**
 * Checks one tenant's ledger against its rules, from the bytes of its entries alone: nothing that is stored beside them is believed.
 * Memory: one key for each event.
 * @returns every rule that is broken, at most VIOLATIONS_MAX; none means that the ledger is sound.
 */
export async function auditTenant(tenant: string, snapshot: LedgerSnapshot): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  const report: Report = (violation) => {
    if (violations.length < VIOLATIONS_MAX) violations.push(violation);
  };
  const heads = await snapshot.heads();
  const audit = new Audit(tenant, report, await snapshot.sources(), new Map(heads.map((head) => [head.shard, head.shards])), snapshot);
  const logs = new Map(heads.map((head) => [head.shard, new LogCheck(tenant, head, report)]));
  for await (const entry of snapshot.entries()) {
    const log = logs.get(entry.shard);
    const frame = log?.entry(entry);
    if (log === undefined) report({ code: 'head_mismatch', shard: entry.shard, index: entry.index, detail: 'this log has no head' });
    await audit.entry(entry, frame);
  }
  for (const [n, log] of [...logs.values()].entries()) if ((heads[n]?.size ?? 0n) > 0n) log.finish();
  await audit.finish();
  return violations;
}

type Sources = ReadonlyMap<number, { readonly source: string; readonly shard: number }>;

/** What goes beyond the tree: keys, dead letters, projections. */
class Audit {
  readonly #tenant: string;
  readonly #report: Report;
  readonly #sources: Sources;
  readonly #shards: ReadonlyMap<number, number>;
  readonly #letters: Beside<StoredDeadLetter>;
  readonly #projections: ReadonlyMap<ProjectionTable, Beside<StoredProjection>>;
  readonly #keys = new Set<string>();
  readonly #numbers = new Map<string, number>();

  constructor(tenant: string, report: Report, sources: Sources, shards: ReadonlyMap<number, number>, snapshot: LedgerSnapshot) {
    this.#tenant = tenant;
    this.#report = report;
    this.#sources = sources;
    this.#shards = shards;
    for (const [number, { source }] of sources) this.#numbers.set(source, number);
    this.#letters = new Beside(snapshot.deadLetters());
    this.#projections = new Map(TABLES.map((table) => [table, new Beside(snapshot.projections(table))]));
  }

  async entry(entry: StoredEntry, frame: Frame | undefined): Promise<void> {
    const [letter] = await this.#letters.take(entry, this.#strayLetter);
    let expected: readonly ExpectedRow[] = [];
    if (frame?.kind === 'event') expected = this.#checkEvent(entry, frame);
    if (frame?.kind === 'dead_letter') expected = this.#checkLetter(entry, frame, letter);
    else if (letter !== undefined) this.#strayLetter(letter);
    for (const table of TABLES) {
      const stored = await this.#beside(table).take(entry, this.#strayRow);
      this.#compareRows(
        entry,
        table,
        stored,
        expected.filter((row) => row.table === table),
      );
    }
  }

  async finish(): Promise<void> {
    await this.#letters.rest(this.#strayLetter);
    for (const table of TABLES) await this.#beside(table).rest(this.#strayRow);
  }

  #beside(table: ProjectionTable): Beside<StoredProjection> {
    return this.#projections.get(table) as Beside<StoredProjection>;
  }

  #checkEvent(entry: StoredEntry, frame: Frame): readonly ExpectedRow[] {
    const { shard, index, sourceNo, eventId, sequence } = entry;
    const decoded = decodeEvent(frame.body);
    if (!decoded.ok) {
      this.#report({ code: 'event_invalid', shard, index, detail: decoded.detail });
      return [];
    }
    const { event } = decoded;
    const source = sourceNo === undefined ? undefined : this.#sources.get(sourceNo);
    if (source?.source !== event.source || eventId !== event.id || sequence !== parseSequence(event.sequence)) {
      this.#report({
        code: 'key_mismatch',
        shard,
        index,
        detail: `the columns name ${source?.source} ${eventId}, the event ${event.source} ${event.id}`,
      });
    }
    if (shardOf(this.#tenant, event.source, this.#shards.get(shard) ?? 1) !== shard) {
      this.#report({ code: 'shard_foreign', shard, index, detail: `${event.source} has another home shard` });
    }
    const key = `${event.source} ${event.id}`;
    if (this.#keys.has(key)) this.#report({ code: 'key_duplicate', shard, index, detail: key });
    this.#keys.add(key);
    return expectedRows(event, {
      sourceNo: sourceNo ?? -1,
      sequence: sequence ?? -1,
      keyId: frame.keyId,
      receivedAtMs: frame.receivedAtMs,
    });
  }

  #checkLetter({ shard, index }: StoredEntry, frame: Frame, letter: StoredDeadLetter | undefined): readonly ExpectedRow[] {
    const body = letter === undefined ? Buffer.alloc(0) : describe(letter);
    if (
      letter === undefined ||
      Buffer.compare(body, frame.body) !== 0 ||
      letter.keyId !== frame.keyId ||
      letter.receivedAtMs !== frame.receivedAtMs
    ) {
      this.#report({ code: 'dead_letter_mismatch', shard, index, detail: 'the message beside the log is not what its entry describes' });
      return [];
    }
    const event = letter.code === 'equivocation' ? eventOf(letter.bytes) : undefined;
    if (event === undefined) return [];
    const sourceNo = this.#numbers.get(event.source) ?? -1;
    const sequence = parseSequence(event.sequence) ?? -1;
    return expectedOfEquivocation(event, { sourceNo, sequence, keyId: frame.keyId, receivedAtMs: frame.receivedAtMs });
  }

  #compareRows(
    { shard, index }: StoredEntry,
    table: ProjectionTable,
    stored: readonly StoredProjection[],
    expected: readonly ExpectedRow[],
  ): void {
    const wanted = new Set(expected.map(({ columns }) => canonicalize(columns)));
    const found = new Set(stored.map(({ columns }) => canonicalize(columns)));
    const missing = [...wanted].filter((row) => !found.has(row));
    const foreign = [...found].filter((row) => !wanted.has(row));
    if (missing.length === 0 && foreign.length === 0) return;
    const code = missing.length === 0 ? 'projection_foreign' : foreign.length === 0 ? 'projection_missing' : 'projection_differs';
    this.#report({ code, shard, index, detail: `${table}: stored ${foreign[0] ?? 'nothing'}, the entry gives ${missing[0] ?? 'nothing'}` });
  }

  readonly #strayLetter = ({ shard, index }: StoredDeadLetter): void =>
    this.#report({ code: 'dead_letter_mismatch', shard, index, detail: 'no entry describes this message' });

  readonly #strayRow = ({ shard, index, table }: StoredProjection): void =>
    this.#report({ code: 'projection_foreign', shard, index, detail: `${table}: no entry stands here` });
}

function describe({ code, detail, origin, bytes }: StoredDeadLetter): Uint8Array {
  return deadLetterBody({ code: code as RefusalCode, detail, origin, digest: hash('sha256', bytes), size: bytes.length });
}

function eventOf(bytes: Uint8Array): RecantEvent | undefined {
  const decoded = decodeEvent(bytes);
  return decoded.ok ? decoded.event : undefined;
}
