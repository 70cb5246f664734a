import type { JsonObject } from '@recant/events';
import type {
  LedgerSnapshot,
  ProjectionTable,
  StoredContent,
  StoredDeadLetter,
  StoredEffectSum,
  StoredEntry,
  StoredNote,
  StoredProjection,
} from '@recant/verifier';
import type pg from 'pg';
import { readCursor } from './read-cursor.ts';

const MS = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

const ENTRIES = 'SELECT shard, idx, source_no, event_id, sequence, leaf, frame FROM recant.entry WHERE tenant_id = $1 ORDER BY shard, idx';
const DEAD_LETTERS = `SELECT shard, idx, code, detail, origin, key_id, digest, bytes, ${MS('received_at')} AS received_ms
  FROM recant.dead_letter WHERE tenant_id = $1 ORDER BY shard, idx`;
const CHECKPOINTS = 'SELECT shard, epoch, size, note FROM recant.checkpoint WHERE tenant_id = $1 ORDER BY shard, size, epoch';

/** Columns under the names of the ledger's projections; nulls are omitted, as in a projection. */
const PROJECTIONS: Readonly<Record<ProjectionTable, string>> = {
  attempt: `json_strip_nulls(json_build_object('action', action, 'attempt', attempt, 'agent', agent, 'tool', tool, 'session', session,
    'trace', encode(trace, 'hex'), 'intendedAtMs', ${MS('intended_at')}, 'deadlineAtMs', ${MS('deadline_at')}, 'reversibility', reversibility,
    'sourceNo', source_no, 'sequence', sequence, 'keyId', key_id, 'receivedAtMs', ${MS('received_at')},
    'inverts', CASE WHEN inverts_action IS NOT NULL THEN json_build_object('source', inverts_source, 'action', inverts_action,
      'attempt', inverts_attempt, 'run', inverts_run, 'step', inverts_step) END))`,
  settlement: `json_build_object('action', action, 'attempt', attempt, 'outcome', outcome, 'chunks', chunks, 'effects', effects,
    'digest', encode(digest, 'hex'), 'durationMs', duration_ms, 'settledAtMs', ${MS('settled_at')}, 'sourceNo', source_no,
    'receivedAtMs', ${MS('received_at')})`,
  effect: `json_build_object('action', action, 'attempt', attempt, 'resource', resource, 'sourceNo', source_no,
    'access', (ARRAY['declared', 'read', 'written'])[access + 1])`,
  observed: `json_strip_nulls(json_build_object('source', source, 'action', action, 'attempt', attempt, 'named', named, 'system', system,
    'transaction', transaction, 'login', login, 'agent', agent, 'chunk', chunk, 'chunks', chunks,
    'observedAtMs', ${MS('observed_at')}, 'sourceNo', source_no, 'sequence', sequence, 'keyId', key_id, 'receivedAtMs', ${MS('received_at')}))`,
  effect_count: `json_build_object('source', source, 'action', action, 'attempt', attempt, 'reported', reported, 'observed', observed)`,
};

const EFFECT_SUMS = `SELECT shard, idx, concat_ws(' ', action, attempt, shard, source) AS key, reported, observed, reported_sum, observed_sum
  FROM recant.effect_count WHERE tenant_id = $1 ORDER BY action, attempt, source, shard, idx`;

/**
 * Opens one tenant's ledger for the verifier, as of one moment.
 * @param use reads within one REPEATABLE READ transaction, which ends after it
 */
export async function withSnapshot<T>(pool: pg.Pool, tenant: string, use: (snapshot: LedgerSnapshot) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return await use(openSnapshot(client, tenant));
  } finally {
    await client.query('ROLLBACK').catch(() => {});
    client.release();
  }
}

function openSnapshot(client: pg.ClientBase, tenant: string): LedgerSnapshot {
  return {
    async heads() {
      const text = `SELECT shard, shards, epoch, size, root, frontier, ${MS('received_at_last')} AS received_ms
        FROM recant.log WHERE tenant_id = $1 ORDER BY shard`;
      const { rows } = await client.query(text, [tenant]);
      return rows.map(({ received_ms, size, ...head }) => ({ ...head, size: BigInt(size), receivedAtLastMs: received_ms }));
    },
    async projected() {
      const { rows } = await client.query('SELECT shard, size FROM recant.projected WHERE tenant_id = $1', [tenant]);
      return new Map(rows.map(({ shard, size }) => [shard, BigInt(size)]));
    },
    async sources() {
      const { rows } = await client.query('SELECT source_no, source, shard FROM recant.source WHERE tenant_id = $1', [tenant]);
      return new Map(rows.map(({ source_no, source, shard }) => [Number(source_no), { source, shard }]));
    },
    entries: () => readCursor(client, 'entries', ENTRIES, [tenant], toEntry),
    deadLetters: () => readCursor(client, 'letters', DEAD_LETTERS, [tenant], toDeadLetter),
    projections(table) {
      const text = `SELECT shard, idx, ${PROJECTIONS[table]} AS columns FROM recant.${table} WHERE tenant_id = $1 ORDER BY shard, idx`;
      return readCursor(
        client,
        table,
        text,
        [tenant],
        (row): StoredProjection => ({ table, ...placeOf(row), columns: row.columns as JsonObject }),
      );
    },
    effectSums: () => readCursor(client, 'effect_sums', EFFECT_SUMS, [tenant], toEffectSum),
    checkpoints: () => readCursor(client, 'checkpoints', CHECKPOINTS, [tenant], toNote),
    parts: () => readCursor(client, 'parts', 'SELECT digest, salt, bytes FROM recant.part WHERE tenant_id = $1', [tenant], toContent, 64),
  };
}

type Row = Record<string, unknown>;

function placeOf(row: Row): { shard: number; index: bigint } {
  return { shard: row.shard as number, index: BigInt(row.idx as string) };
}

function toEntry(row: Row): StoredEntry {
  return {
    ...placeOf(row),
    sourceNo: row.source_no === null ? undefined : Number(row.source_no),
    eventId: (row.event_id as string | null) ?? undefined,
    sequence: row.sequence === null ? undefined : Number(row.sequence),
    leaf: row.leaf as Buffer,
    frame: row.frame as Buffer,
  };
}

function toDeadLetter(row: Row): StoredDeadLetter {
  return {
    ...placeOf(row),
    code: row.code as string,
    detail: row.detail as string,
    origin: row.origin as string,
    keyId: row.key_id as string,
    digest: row.digest as Buffer,
    bytes: row.bytes as Buffer,
    receivedAtMs: row.received_ms as number,
  };
}

function toEffectSum(row: Row): StoredEffectSum {
  return {
    ...placeOf(row),
    key: row.key as string,
    reported: row.reported as number,
    observed: row.observed as number,
    reportedSum: Number(row.reported_sum),
    observedSum: Number(row.observed_sum),
  };
}

function toNote(row: Row): StoredNote {
  return { shard: row.shard as number, epoch: row.epoch as number, size: BigInt(row.size as string), note: row.note as Buffer };
}

function toContent(row: Row): StoredContent {
  return { digest: (row.digest as Buffer).toString('hex'), salt: row.salt as Buffer, bytes: row.bytes as Buffer };
}
