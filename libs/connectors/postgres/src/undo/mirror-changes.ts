import type { Effect } from '@recant/events';
import type { ClientBase } from 'pg';
import { imageReference } from '../effect.ts';
import { CONNECTOR, EXISTS } from '../resource.ts';
import { byOrdinal, type Captured } from './captured.ts';
import type { ChosenStep } from './choose-set.ts';
import { keyId } from './live.ts';
import type { Registry } from './registry.ts';
import type { Active } from './statement.ts';

/** A change of the inverse, and the one that it puts back. */
interface Pair {
  readonly one: ChosenStep;
  readonly undone: Captured;
  readonly ordinal: string;
}

const CHANGES_SQL = `SELECT json_build_array(c.ordinal::text, c.relation, c.key)::text AS row FROM recant.change c WHERE c.attempt = $1 ORDER BY c.ordinal`;

/**
 * The same columns of the same row, from what the undone change left to what it found. Equal texts of one type have equal versions. OFFSET 0: each change is looked up by its
 * ordinal; else the planner may compare all changes of one shape with each other.
 */
const MIRRORED_SQL = `SELECT count(*)::int AS mirrored FROM unnest($1::bigint[], $2::bigint[]) p(undone, ordinal)
CROSS JOIN LATERAL (SELECT * FROM recant.change WHERE ordinal = p.undone OFFSET 0) u CROSS JOIN LATERAL (SELECT * FROM recant.change WHERE ordinal = p.ordinal OFFSET 0) c
WHERE c.operation = 'u' AND u.operation = 'u' AND c.relation = u.relation AND c.shape = u.shape AND c.key = u.key AND c.written = u.written AND c.old = u.new AND c.new = u.old`;

/**
 * What `matchChanges` finds, where each step puts back whole updates of rows that its attempt wrote once: the target compares the images, and no version is computed again.
 * @param inverse attempt under which the target captured all changes of these steps
 * @returns changes of each step, ascending; undefined: the steps or what the target did are not so simple
 */
export async function mirrorChanges(
  client: ClientBase,
  registry: Registry,
  chosen: readonly ChosenStep[],
  inverse: string,
): Promise<ReadonlyMap<ChosenStep, readonly Captured[]> | undefined> {
  if (
    !chosen.every(({ active, goal }) => [...active.values()].every((row) => isWholeUpdate(registry, row)) && active.size === goal.rows.size)
  )
    return undefined;
  const { rows } = await client.query<{ row: string }>(CHANGES_SQL, [inverse]);
  const pairs = pairsOf(
    chosen,
    rows.map(({ row }) => JSON.parse(row) as Change),
  );
  if (pairs === undefined || pairs.length !== rows.length) return undefined;
  const checked = await client.query<{ mirrored: number }>(MIRRORED_SQL, [
    pairs.map(({ undone }) => undone.ordinal),
    pairs.map(({ ordinal }) => ordinal),
  ]);
  if (checked.rows[0]?.mirrored !== pairs.length) return undefined;
  const matched = new Map<ChosenStep, Captured[]>(chosen.map((one) => [one, []]));
  for (const { one, undone, ordinal } of pairs) matched.get(one)?.push(mirrored(undone, ordinal, inverse));
  for (const own of matched.values()) own.sort(byOrdinal);
  return matched;
}

type Change = readonly [ordinal: string, relation: number, key: readonly string[] | null];

/** Every part that the attempt's one change of the row wrote goes back. */
function isWholeUpdate(registry: Registry, { goal, parts }: Active): boolean {
  const [change, ...others] = goal.effects;
  return (
    others.length === 0 &&
    change?.effect.operation === 'update' &&
    parts.size === goal.parts.size &&
    !parts.has(EXISTS) &&
    registry.shape(change.shape)?.derived.includes(true) === false
  );
}

/** A row's changes in order are those of the steps that wrote it, in the order of the steps. */
function pairsOf(chosen: readonly ChosenStep[], changes: readonly Change[]): readonly Pair[] | undefined {
  const byRow = new Map<string, string[]>();
  for (const [ordinal, relation, key] of changes) {
    if (key === null) return undefined;
    const place = `${relation} ${keyId(key)}`;
    const known = byRow.get(place);
    if (known === undefined) byRow.set(place, [ordinal]);
    else known.push(ordinal);
  }
  const next = new Map<string, number>();
  const pairs: Pair[] = [];
  for (const one of chosen)
    for (const { goal } of one.active.values()) {
      const place = `${goal.captured.relation} ${keyId(goal.key)}`;
      const at = next.get(place) ?? 0;
      const ordinal = byRow.get(place)?.[at];
      if (ordinal === undefined) return undefined;
      next.set(place, at + 1);
      pairs.push({ one, undone: goal.first, ordinal });
    }
  return pairs;
}

function mirrored(undone: Captured, ordinal: string, attempt: string): Captured {
  const parts: Record<string, Effect['parts'][string]> = {};
  for (const part in undone.effect.parts) {
    const { before, after } = undone.effect.parts[part] as Effect['parts'][string];
    parts[part] = { before: after, after: before };
  }
  const compensation = { connector: CONNECTOR, images: [imageReference(ordinal)] };
  return { ...undone, ordinal, attempt, effect: { ...undone.effect, ordinal, parts, compensation } };
}
