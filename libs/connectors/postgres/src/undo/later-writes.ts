import type { Finding, InverseStep } from '@recant/connector';
import type { ClientBase } from 'pg';
import type { PartGoal, RowGoal, StepGoal } from './goal.ts';
import { keyId } from './live.ts';
import type { Registry } from './registry.ts';

/** A write of somebody else's on a row that a step goes back on. */
interface LaterWrite {
  readonly ordinal: bigint;
  readonly relation: number;
  /** NULL: the whole table. */
  readonly key: readonly string[] | null;
  /** Parts written; undefined: all. */
  readonly parts: ReadonlySet<string> | undefined;
  readonly login: string;
  /** The ledger can know of it: it names an attempt that was settled. */
  readonly settled: boolean;
  /** `source action attempt`, for telling the undone attempt's own writes. */
  readonly attempt: string | undefined;
}

const LATER_SQL = `
SELECT c.ordinal, c.relation, c.key, c.operation, c.shape, c.written, c.login, a.source, a.action, a.attempt, a.settled_at IS NOT NULL AS settled
FROM unnest($1::int[], $2::text[], $3::bigint[]) u(relation, key, after)
JOIN recant.change c ON c.relation = u.relation AND c.key_hash = hashtextextended(u.key, 0) AND c.ordinal > u.after
LEFT JOIN recant.attempt a ON a.id = c.attempt WHERE a.run IS DISTINCT FROM $4
UNION ALL
SELECT c.ordinal, c.relation, NULL, c.operation, c.shape, c.written, c.login, NULL, NULL, NULL, false
FROM recant.change c WHERE c.relation = ANY ($1::int[]) AND c.key_hash = 0 AND c.operation = 'x'`;

interface Row {
  ordinal: string;
  relation: number;
  key: string[] | null;
  operation: string;
  shape: number | null;
  written: number[] | null;
  login: string;
  source: string | null;
  action: string | null;
  attempt: number | null;
  settled: boolean;
}

export type LaterWrites = ReadonlyMap<string, readonly LaterWrite[]>;
const placeOf = (relation: number, key: readonly string[]): string => `${relation} ${keyId(key)}`;

/** Everything written to these rows after the steps' own effects, but by inverses of this run. Read once the rows are locked. */
export async function readLaterWrites(
  client: ClientBase,
  registry: Registry,
  run: string,
  goals: readonly StepGoal[],
): Promise<LaterWrites> {
  const from = new Map<string, { goal: RowGoal; after: bigint }>();
  for (const goal of goals.flatMap((step) => [...step.rows.values()])) {
    const after = [...goal.parts.values()].reduce(
      (least, part) => (part.ordinal < least ? part.ordinal : least),
      BigInt(goal.last.ordinal),
    );
    const known = from.get(goal.resource);
    if (known === undefined || after < known.after) from.set(goal.resource, { goal, after });
  }
  const asked = [...from.values()];
  const { rows } = await client.query<Row>(LATER_SQL, [
    asked.map(({ goal }) => goal.captured.relation),
    asked.map(({ goal }) => goal.key.join(',')),
    asked.map(({ after }) => after.toString()),
    run,
  ]);
  const later = new Map<string, LaterWrite[]>();
  for (const row of rows) {
    const place = row.key === null ? `${row.relation}` : placeOf(row.relation, row.key);
    later.set(place, [...(later.get(place) ?? []), describe(registry, row)]);
  }
  return later;
}

function describe(registry: Registry, row: Row): LaterWrite {
  const shape = row.shape === null ? undefined : registry.shape(row.shape);
  const parts =
    row.operation === 'u' && shape !== undefined ? new Set(row.written?.map((position) => shape.parts[position - 1] ?? '')) : undefined;
  const attempt = row.source === null ? undefined : `${row.source} ${row.action} ${row.attempt}`;
  return { ordinal: BigInt(row.ordinal), relation: row.relation, key: row.key, parts, login: row.login, settled: row.settled, attempt };
}

/**
 * Conflicts of one row: writes of parts that go back, which the plan cannot know of (no attempt, or one never settled) or does not (an
 * ordinal above the highest it knows).
 */
export function laterFindings(step: InverseStep, goal: RowGoal, active: ReadonlySet<string>, later: LaterWrites): Finding[] {
  const { relation } = goal.captured;
  const writes = [...(later.get(placeOf(relation, goal.key)) ?? []), ...(later.get(`${relation}`) ?? [])];
  const own = `${step.undoes.source} ${step.undoes.action} ${step.undoes.attempt}`;
  const known = step.knownOrdinals[goal.resource];
  const unplanned = (write: LaterWrite, part: PartGoal) =>
    write.attempt !== own &&
    write.ordinal > part.ordinal &&
    (!write.settled || write.ordinal > (known === undefined ? part.ordinal : BigInt(known)));
  return [...active].flatMap((part) => {
    const partGoal = goal.parts.get(part);
    const write = writes.find(
      (candidate) => partGoal !== undefined && candidate.parts?.has(part) !== false && unplanned(candidate, partGoal),
    );
    if (write === undefined) return [];
    return [
      {
        resource: goal.resource,
        part,
        code: 'later_write' as const,
        detail: `Written later by login ${write.login} (ordinal ${write.ordinal}).`,
      },
    ];
  });
}
