import type { AttemptRef, AttemptStatus, Outcome, Reversibility } from '@recant/events';
import { type Ruling, ruledStatus } from '@recant/ledger';
import type { EntryAddress } from '@recant/planner';

/** One attempt in a list. */
export interface AttemptSummary {
  readonly ref: AttemptRef;
  /** Entry of its intent; without an intent, of the first transaction that the target recorded. */
  readonly entry: EntryAddress;
  readonly agent: string;
  readonly tool: string;
  readonly session?: string;
  readonly trace?: string;
  readonly status: AttemptStatus;
  readonly reversibility: Reversibility;
  /** Milliseconds since 1970, UTC: producer's clock, ledger's clock. */
  readonly intendedAtMs: number;
  readonly receivedAtMs: number;
  readonly deadlineAtMs: number;
  readonly sequence: number;
  readonly keyId: string;
  readonly inverts?: AttemptRef & { readonly run: string; readonly step: number };
  /** Without an intent: the first transaction that the target recorded. */
  readonly transaction?: {
    readonly system: string;
    readonly id: string;
    readonly login: string /** No attempt named it. */;
    readonly unnamed: boolean;
  };
  /** What a person found out while the outcome was unknown. */
  readonly ruling?: Ruling;
  /** What the agent reported after all, other than the ruling. */
  readonly contradicted?: AttemptStatus;
  /** The settlement; absent if there is none, or several that differ. */
  readonly settled?: SettledSummary;
}

export interface SettledSummary {
  readonly outcome: Outcome;
  readonly chunks: number;
  readonly effects: number;
  readonly digest: string;
  /** Producer's clock. */
  readonly settledAtMs: number;
  readonly durationMs: number;
}

/** A row of `attemptColumns`; bigints are text. */
export interface AttemptSqlRow {
  readonly [column: string]: string | number | boolean | null;
}

export function toSummary(row: AttemptSqlRow): AttemptSummary {
  const text = (column: string) => row[column] as string;
  return {
    ref: { source: text('source'), action: text('action'), attempt: row['attempt'] as number },
    entry: { shard: row['shard'] as number, index: BigInt(text('idx')) },
    agent: text('agent'),
    tool: text('tool'),
    ...(row['session'] === null ? {} : { session: text('session') }),
    ...(row['trace'] === null ? {} : { trace: text('trace') }),
    status: text('status') as AttemptStatus,
    reversibility: text('reversibility') as Reversibility,
    intendedAtMs: Number(row['intended_ms']),
    receivedAtMs: Number(row['received_ms']),
    deadlineAtMs: Number(row['deadline_ms']),
    sequence: Number(row['sequence']),
    keyId: text('key_id'),
    ...(row['inverts_action'] === null ? {} : { inverts: invertsOf(row) }),
    ...(row['login'] === null ? {} : { transaction: transactionOf(row) }),
    ...rulingOf(row),
    ...(row['outcome'] !== null ? { settled: settledOf(row) } : {}),
  };
}

function rulingOf(row: AttemptSqlRow): Pick<AttemptSummary, 'ruling' | 'contradicted'> {
  if (row['ruled'] === null) return {};
  const [reason, by] = [row['ruled_reason'] as string, row['ruled_by'] as string];
  const ruling = { outcome: row['ruled'] as Ruling['outcome'], reason, by, atMs: Number(row['ruled_ms']) };
  const { contradicted } = ruledStatus(row['reported'] as AttemptStatus, ruling);
  return { ruling, ...(contradicted && { contradicted }) };
}

function invertsOf(row: AttemptSqlRow): NonNullable<AttemptSummary['inverts']> {
  return {
    source: row['inverts_source'] as string,
    action: row['inverts_action'] as string,
    attempt: row['inverts_attempt'] as number,
    run: row['inverts_run'] as string,
    step: row['inverts_step'] as number,
  };
}

function transactionOf(row: AttemptSqlRow): NonNullable<AttemptSummary['transaction']> {
  return {
    system: row['system'] as string,
    id: row['transaction'] as string,
    login: row['login'] as string,
    unnamed: row['by_login'] as boolean,
  };
}

function settledOf(row: AttemptSqlRow): SettledSummary {
  return {
    outcome: row['outcome'] as Outcome,
    chunks: row['chunks'] as number,
    effects: Number(row['effects']),
    digest: row['digest'] as string,
    settledAtMs: Number(row['settled_ms']),
    durationMs: Number(row['duration_ms']),
  };
}
