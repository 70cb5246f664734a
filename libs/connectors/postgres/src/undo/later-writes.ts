import type { Finding } from '@recant/connector';
import type { ClientBase } from 'pg';
import { EXISTS } from '../resource.ts';
import type { RowGoal, StepGoal } from './goal.ts';
import { type Key, keyId } from './live.ts';
import type { Registry } from './registry.ts';

/** A write on a row that a step puts back, by somebody whose work the run does not take back. */
interface LaterWrite {
  readonly ordinal: bigint;
  readonly relation: number;
  /** NULL: the whole table. */
  readonly key: Key | null;
  /** Parts written, without derived columns; undefined: all. */
  readonly parts: ReadonlySet<string> | undefined;
  readonly login: string;
  readonly operation: string;
  /** Of its images. */
  readonly shape: number | null;
  /** UTC, to the second. */
  readonly at: string;
  /** Id of the attempt in the target. */
  readonly attempt: string | null;
}

/**
 * Changes of these rows after each row's first change by the step, without those that are taken back (\`recant.is_undone\`) and without inverses:
 * an inverse cancels out with what it undid, or with what undid it. OFFSET 0: else all changes may be joined to their attempts first, and each asked whether it is undone.
 */
const LATER_SQL = `
SELECT * FROM (
  SELECT c.ordinal, c.relation, c.key, u.n::int, c.operation, c.shape, c.written, c.login, c.attempt::text, c.recorded_at
  FROM unnest($1::int[], $2::text[], $3::bigint[]) WITH ORDINALITY u(relation, key, after, n)
  CROSS JOIN LATERAL (SELECT * FROM recant.change c WHERE c.relation = u.relation AND c.key_hash = recant.joined_hash(u.key) AND c.ordinal > u.after OFFSET 0) c
  LEFT JOIN recant.attempt a ON a.id = c.attempt
  WHERE a.id IS NULL OR (a.run IS NULL AND NOT recant.is_undone(a.id))
  UNION ALL
  SELECT c.ordinal, c.relation, NULL, NULL, c.operation, c.shape, c.written, c.login, c.attempt::text, c.recorded_at
  FROM recant.change c JOIN (SELECT r.relation, min(r.after) AS after FROM unnest($1::int[], $3::bigint[]) r(relation, after) GROUP BY 1) u
    ON u.relation = c.relation AND c.ordinal > u.after WHERE c.key_hash IN (0, 1) AND c.key IS NULL
) w ORDER BY w.ordinal`;

interface Row {
  ordinal: string;
  relation: number;
  key: string[] | null;
  /** Place of the row among those asked for; NULL: the whole table. */
  n: number | null;
  operation: string;
  shape: number | null;
  written: number[] | null;
  login: string;
  attempt: string | null;
  recorded_at: Date;
}

export interface LaterWrites {
  readonly byPlace: ReadonlyMap<string, readonly LaterWrite[]>;
  /** Attempts (ids in the target) that this transaction has taken back since the writes were read. */
  readonly takenBack: Set<string>;
  /** By place: how many writes are left before the last ones, all of which are taken back. A hot row has as many as it has steps, and each step asks for the newer ones. */
  readonly left: Map<string, number>;
}

/** A copy for steps that are tried: what it says to be taken back counts for them only. */
export const forkLater = ({ byPlace, takenBack, left }: LaterWrites): LaterWrites => ({
  byPlace,
  takenBack: new Set(takenBack),
  left: new Map(left),
});
const placeOf = (relation: number, key: Key): string => `${relation} ${keyId(key)}`;

/** Reads them for all rows of these steps. The rows are locked, and the queue is absorbed after that: nothing can follow unseen. */
export async function readLaterWrites(client: ClientBase, registry: Registry, goals: readonly StepGoal[]): Promise<LaterWrites> {
  const from = new Map<string, { goal: RowGoal; after: bigint }>();
  for (const goal of goals.flatMap((step) => [...step.rows.values()])) {
    const after = BigInt(goal.first.ordinal);
    const known = from.get(goal.resource);
    if (known === undefined || after < known.after) from.set(goal.resource, { goal, after });
  }
  const asked = [...from.values()];
  const { rows } = await client.query<Row>(LATER_SQL, [
    asked.map(({ goal }) => goal.captured.relation),
    asked.map(({ goal }) => goal.key.join(',')),
    asked.map(({ after }) => after.toString()),
  ]);
  const later = new Map<string, LaterWrite[]>();
  for (const found of rows) {
    // The text of an erased key is gone; its hash found the row.
    const row = { ...found, key: found.key ?? (found.n === null ? null : [...(asked[found.n - 1]?.goal.key ?? [])]) };
    const place = row.key === null ? `${row.relation}` : placeOf(row.relation, row.key);
    const writes = later.get(place);
    if (writes === undefined) later.set(place, [describe(registry, row)]);
    else writes.push(describe(registry, row));
  }
  return { byPlace: later, takenBack: new Set(), left: new Map() };
}

function describe(registry: Registry, row: Row): LaterWrite {
  const { ordinal, relation, key, login, attempt, operation } = row;
  const at = row.recorded_at.toISOString().replace(/\.\d+Z$/, 'Z');
  return { ordinal: BigInt(ordinal), relation, key, parts: partsOf(registry, row), login, at, attempt, operation, shape: row.shape };
}

/** An update that changed no value wrote the whole row; so does everything that is no readable update. */
function partsOf(registry: Registry, { operation, shape: id, written }: Row): ReadonlySet<string> | undefined {
  const shape = id === null ? undefined : registry.shape(id);
  if (operation !== 'u' || shape === undefined || written === null || written.length === 0) return undefined;
  return new Set(written.filter((position) => !shape.derived[position - 1]).map((position) => shape.parts[position - 1] ?? ''));
}

/** The last write of a part by somebody else after the attempt wrote it first. A row that goes takes all its columns along, later ones included. */
export function laterWriteOf(goal: RowGoal, part: string, later: LaterWrites): LaterWrite | undefined {
  for (const write of writesAfter(goal, part, later)) return write;
  return undefined;
}

/** All of them, the last one first. */
export const laterWritesOf = (goal: RowGoal, part: string, later: LaterWrites): readonly LaterWrite[] => [
  ...writesAfter(goal, part, later),
];

function* writesAfter(goal: RowGoal, part: string, later: LaterWrites): Generator<LaterWrite> {
  const { relation } = goal.captured;
  const source = goal.parts.get(part)?.source;
  if (source === undefined) return;
  const goes = part === EXISTS && goal.parts.get(EXISTS)?.before === null;
  const isWritten = (parts: ReadonlySet<string> | undefined) => parts === undefined || (goes ? parts.size > 0 : parts.has(part));
  const isStranger = (attempt: string | null) => attempt !== goal.first.attempt && (attempt === null || !later.takenBack.has(attempt));
  const after = BigInt(source.ordinal);
  for (const place of [placeOf(relation, goal.key), `${relation}`]) {
    const writes = later.byPlace.get(place) ?? [];
    // Ascending: nothing before the attempt's own write is looked at, however hot the row.
    for (let at = lengthLeft(place, writes, later) - 1; at >= 0; at -= 1) {
      const write = writes[at];
      if (write === undefined || write.ordinal <= after) break;
      if (isStranger(write.attempt) && isWritten(write.parts)) yield write;
    }
  }
}

function lengthLeft(place: string, writes: readonly LaterWrite[], { takenBack, left }: LaterWrites): number {
  const known = left.get(place) ?? writes.length;
  let length = known;
  for (; length > 0; length -= 1) {
    const attempt = writes[length - 1]?.attempt;
    if (typeof attempt !== 'string' || !takenBack.has(attempt)) break;
  }
  if (length < known) left.set(place, length);
  return length;
}

/** Conflicts of one row: parts that go back and that somebody else wrote after the attempt wrote them first. */
export function laterFindings(goal: RowGoal, active: ReadonlySet<string>, later: LaterWrites): Finding[] {
  return [...active].flatMap((part) => {
    const write = laterWriteOf(goal, part, later);
    if (write === undefined) return [];
    return [{ resource: goal.resource, part, code: 'later_write' as const, detail: `Changed later by ${writerOf(write)}.` }];
  });
}

export const writerOf = ({ login, at }: Pick<LaterWrite, 'login' | 'at'>): string => `login ${login} at ${at}`;

/** A row that the attempt made and that is gone: somebody may have given it another key, under which it lives on. */
export function movedFinding(goal: RowGoal, later: LaterWrites): Finding | undefined {
  if (goal.parts.get(EXISTS)?.before !== null) return undefined;
  const write = laterWriteOf(goal, EXISTS, later);
  if (write?.operation !== 'f') return undefined;
  return { resource: goal.resource, part: EXISTS, code: 'later_write', detail: `Moved to another key by ${writerOf(write)}.` };
}
