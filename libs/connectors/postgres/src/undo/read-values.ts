import type { AskedValues, PartValue } from '@recant/connector';
import type { ClientBase, Pool } from 'pg';
import { EXISTS } from '../resource.ts';
import { type Captured, capturedOf } from './captured.ts';
import { goalOf, type PartGoal, type RowGoal } from './goal.ts';
import { type Registry, readRegistry } from './registry.ts';
import { inTransaction, withPatience } from './session.ts';

/** Columns of one row, and characters of a value: more would say nothing to a person. */
const PARTS_MAX = 50;
const VALUE_CHARS_MAX = 200;

/** The n-th value from the capture: a position in the old or new image of a change. No value is read whole. */
const VALUES_SQL = `SELECT u.n::int AS n, i.image IS NOT NULL AS there, left(i.image[u.position], ${VALUE_CHARS_MAX + 1}) AS value
FROM unnest($1::bigint[], $2::int[], $3::bool[]) WITH ORDINALITY u(ordinal, position, old, n) JOIN recant.change c ON c.ordinal = u.ordinal
CROSS JOIN LATERAL (SELECT CASE WHEN u.old OR cardinality(c.written) = 0 THEN c.old ELSE c.new END AS image) i`;

interface Place {
  readonly ordinal: string;
  readonly position: number;
  readonly old: boolean;
}
interface Wanted {
  readonly asked: AskedValues;
  readonly resource: string;
  readonly part: string;
  readonly goal: PartGoal;
  readonly before: Place;
  readonly after: Place;
}
type Found = ReadonlyMap<number, { readonly there: boolean; readonly value: string | null }>;

/** What the attempts found and what they left, from the capture: the rows themselves are not read. */
export function readValues(pool: Pool, system: string, asked: readonly AskedValues[]): Promise<readonly PartValue[]> {
  return inTransaction(pool, async (client) => {
    await withPatience(client, 'SELECT recant.absorb()');
    const registry = await readRegistry(client, system);
    const captured = await capturedOf(
      client,
      system,
      asked.map(({ undoes }) => undoes),
    );
    const wanted = asked.flatMap((one, at) => wantedOf(registry, one, captured[at] ?? []));
    const found = await readPlaces(
      client,
      wanted.flatMap(({ before, after }) => [before, after]),
    );
    return wanted.map((one, at) => shownValue(one, found, at));
  });
}

/** Rows have today's names and those that they were recorded under. */
function wantedOf(registry: Registry, asked: AskedValues, captured: readonly Captured[]): Wanted[] {
  const names = new Map<string, string>();
  const resources = new Set(asked.resources);
  const { rows } = goalOf(registry, captured);
  for (const { resource, effects } of rows.values())
    for (const name of [...effects.map(({ effect }) => effect.resource), resource]) if (resources.has(name)) names.set(resource, name);
  return [...names].flatMap(([resource, name]) => {
    const row = rows.get(resource) as RowGoal;
    const parts = [...row.parts].filter(([part, { before, after }]) => part !== EXISTS && before !== after);
    return parts.slice(0, PARTS_MAX).flatMap(([part, goal]): Wanted[] => {
      const last = row.effects.findLast(({ ordinal }) => BigInt(ordinal) === goal.ordinal);
      const [before, after] = [placeOf(registry, goal.source, part, true), last && placeOf(registry, last, part, false)];
      return before === undefined || after === undefined ? [] : [{ asked, resource: name, part, goal, before, after }];
    });
  });
}

function placeOf(registry: Registry, { shape, ordinal }: Captured, part: string, old: boolean): Place | undefined {
  const found = registry.shape(shape);
  const at = found?.parts.indexOf(part) ?? -1;
  return at < 0 || !found?.present[at] ? undefined : { ordinal, position: at + 1, old };
}

async function readPlaces(client: ClientBase, places: readonly Place[]): Promise<Found> {
  if (places.length === 0) return new Map();
  const { rows } = await client.query<{ n: number; there: boolean; value: string | null }>(VALUES_SQL, [
    places.map(({ ordinal }) => ordinal),
    places.map(({ position }) => position),
    places.map(({ old }) => old),
  ]);
  return new Map(rows.map(({ n, ...one }) => [n, one]));
}

/** An image that is gone although the row existed was erased, or has expired. */
function shownValue({ asked, resource, part, goal }: Wanted, found: Found, at: number): PartValue {
  const named = { undoes: asked.undoes, resource, part };
  const sides = [textOf(goal.before, found.get(2 * at + 1)), textOf(goal.after, found.get(2 * at + 2))] as const;
  if (sides.includes('gone')) return { ...named, hidden: 'gone' };
  if (sides.includes('long')) return { ...named, hidden: 'long' };
  const [was, left] = sides as readonly (Shown | undefined)[];
  return { ...named, ...(was && { before: was.text }), ...(left && { after: left.text }) };
}

interface Shown {
  readonly text: string;
}

function textOf(version: string | null, found: { there: boolean; value: string | null } | undefined): Shown | 'gone' | 'long' | undefined {
  if (version === null) return undefined;
  if (!found?.there) return 'gone';
  if (found.value === null) return { text: 'NULL' };
  return found.value.length > VALUE_CHARS_MAX ? 'long' : { text: `'${found.value}'` };
}
