import type { AttemptRef } from '@recant/events';
import { PARTIAL_UNDO, refKey, type Vector } from '@recant/planner';
import type pg from 'pg';
import { vectorArray, within } from './attempt-sql.ts';

/** An attempt that an inverse undid, which no later run undid in turn. */
export interface Undone {
  readonly run: string;
  /** Milliseconds since 1970, UTC: when the ledger recorded the end of the inverse. */
  readonly atMs: number;
  /** Only rows without conflict were undone. */
  readonly part: boolean;
}

/** Undoing an inverse puts its original back into effect, to any depth; beyond this one an attempt is shown as in effect. */
const DEPTH_MAX = 16;
/** Inverses of one depth. A run that succeeded leaves nothing to undo, so an attempt has one, or few. */
const INVERSES_MAX = 5_000;

interface Inverse {
  readonly ref: AttemptRef;
  readonly of: string;
  readonly undone: Undone;
}

/** Which of these attempts are undone, by the rule of the planner (`undoingOf`). @param vector undefined: all entries */
export async function readUndone(
  client: pg.ClientBase,
  tenant: string,
  refs: readonly AttemptRef[],
  vector?: Vector,
): Promise<(ref: AttemptRef) => Undone | undefined> {
  const levels: Inverse[][] = [];
  for (let asked = refs; asked.length > 0 && levels.length < DEPTH_MAX; asked = levels.at(-1)?.map(({ ref }) => ref) ?? []) {
    levels.push(await inversesOf(client, tenant, asked, vector));
  }
  /** Attempts of the level below that are undone. */
  let standing = new Map<string, Undone>();
  for (const level of levels.toReversed()) {
    const undone = new Map<string, Undone>();
    for (const { ref, of, undone: by } of level) {
      const inverse = standing.get(refKey(ref));
      const known = undone.get(of);
      if ((inverse === undefined || inverse.part) && (known === undefined || known.part)) undone.set(of, by);
    }
    standing = undone;
  }
  return (ref) => standing.get(refKey(ref));
}

async function inversesOf(
  client: pg.ClientBase,
  tenant: string,
  refs: readonly AttemptRef[],
  vector: Vector | undefined,
): Promise<Inverse[]> {
  const below = (shard: string, idx: string): string => (vector === undefined ? '' : `AND ${within(shard, idx, '$5')}`);
  const lists = [refs.map(({ source }) => source), refs.map(({ action }) => action), refs.map(({ attempt }) => attempt)];
  const { rows } = await client.query(
    `SELECT n.source, a.action, a.attempt, a.inverts_source, a.inverts_action, a.inverts_attempt, a.inverts_run AS run, a.tool, s.received_at AS at
     FROM unnest($2::text[], $3::uuid[], $4::int[]) AS k (source, action, attempt)
     JOIN recant.attempt a ON a.tenant_id = $1 AND a.inverts_action = k.action AND a.inverts_attempt = k.attempt AND a.inverts_source = k.source
     JOIN recant.source n ON n.tenant_id = a.tenant_id AND n.source_no = a.source_no
     CROSS JOIN LATERAL (SELECT s.received_at, s.outcome FROM recant.settlement s WHERE s.tenant_id = a.tenant_id AND s.action = a.action
       AND s.attempt = a.attempt AND s.source_no = a.source_no ${below('s.shard', 's.idx')} ORDER BY s.idx LIMIT 1) s
     WHERE s.outcome = 'succeeded' ${below('a.shard', 'a.idx')} ORDER BY s.received_at DESC, a.idx DESC LIMIT ${INVERSES_MAX}`,
    [tenant, ...lists, ...(vector === undefined ? [] : [vectorArray(vector)])],
  );
  return rows.map((row) => ({
    ref: { source: row.source, action: row.action, attempt: row.attempt },
    of: refKey({ source: row.inverts_source, action: row.inverts_action, attempt: row.inverts_attempt }),
    undone: { run: row.run, atMs: row.at.getTime(), part: row.tool === PARTIAL_UNDO },
  }));
}
