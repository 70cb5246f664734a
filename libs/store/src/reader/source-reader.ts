import { OWN_AGENT } from '@recant/events';
import type { SourceReader, SourceRecord } from '@recant/planner';
import type pg from 'pg';
import { vectorArray } from '../query/attempt-sql.ts';
import { HOLES, HOLES_MAX, LOST, SUSPECTS, WITHOUT_INTENT } from './incomplete-sql.ts';

/** Statements over more sources than this are split. */
const SOURCES_AT_ONCE = 1_000;

/** What the ledger lacks of sources. @param clock milliseconds since 1970, UTC: a source is silent as of now */
export function createSourceReader(pool: pg.Pool, clock: () => number): SourceReader {
  return {
    async incomplete(tenant, { agents, sources, actions }, vector) {
      const nowMs = clock();
      const sizes = vectorArray(vector);
      const values = [tenant, sizes, agents ?? null, sources, actions.filter(isUuid), OWN_AGENT, nowMs];
      const suspects = (await pool.query(SUSPECTS, values)).rows.map(({ source_no }) => String(source_no));
      const found: SourceRecord[] = [];
      for (let at = 0; at < suspects.length; at += SOURCES_AT_ONCE)
        found.push(...(await readSources(pool, tenant, suspects.slice(at, at + SOURCES_AT_ONCE), sizes, nowMs)));
      return found;
    },
  };
}

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** Entries below the vector never change: the statements need no common snapshot. */
async function readSources(pool: pg.Pool, tenant: string, numbers: readonly string[], sizes: readonly string[], nowMs: number) {
  const holes = Map.groupBy<string, HoleRow>((await pool.query(HOLES, [tenant, numbers, sizes])).rows, (row) => row.source_no);
  // An intent that is not recorded is a number that is missing.
  const orphans = Map.groupBy<string, OrphanRow>(
    (await pool.query(WITHOUT_INTENT, [tenant, [...holes.keys()], sizes])).rows,
    (row) => row.source_no,
  );
  const lost = new Map<string, LostRow>((await pool.query(LOST, [tenant, numbers, sizes, nowMs])).rows.map((row) => [row.source_no, row]));
  const named = [...new Set([...holes.keys(), ...lost.keys()])];
  const { rows } = await pool.query<NameRow>(NAMES, [tenant, named]);
  return rows
    .map((row) => recordOf(row, holes.get(row.source_no) ?? [], orphans.get(row.source_no) ?? [], lost.get(row.source_no)))
    .filter(({ holes: own, lost: silent }) => own.length > 0 || silent !== undefined);
}

const NAMES = 'SELECT source_no, source, agent FROM recant.source WHERE tenant_id = $1 AND source_no = ANY ($2::bigint[])';

interface NameRow {
  readonly source_no: string;
  readonly source: string;
  readonly agent: string;
}
/** Bigints are text. */
interface HoleRow {
  readonly source_no: string;
  readonly first: string;
  readonly last: string;
  readonly holes: string;
  readonly before_ms: string | null;
  readonly after_ms: string;
}
interface OrphanRow {
  readonly source_no: string;
  readonly action: string;
  readonly attempt: number;
  readonly received_ms: string;
}
interface LostRow {
  readonly source_no: string;
  readonly lease_ms: string;
  readonly received_ms: string;
}

function recordOf({ source, agent }: NameRow, holes: readonly HoleRow[], orphans: readonly OrphanRow[], lost?: LostRow): SourceRecord {
  return {
    source,
    agent,
    holes: holes.map(({ first, last, before_ms, after_ms }) => ({
      first: Number(first),
      last: Number(last),
      ...(before_ms === null ? {} : { beforeMs: Number(before_ms) }),
      afterMs: Number(after_ms),
    })),
    holesMore: Math.max(0, Number(holes[0]?.holes ?? 0) - HOLES_MAX),
    withoutIntent: orphans.map(({ action, attempt, received_ms }) => ({ action, attempt, receivedAtMs: Number(received_ms) })),
    // Runs and plans that wait say nothing, and the systems are drained for each plan.
    ...(lost && agent !== OWN_AGENT && { lost: { receivedAtMs: Number(lost.received_ms), leaseMs: Number(lost.lease_ms) } }),
  };
}
