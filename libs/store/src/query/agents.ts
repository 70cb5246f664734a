import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';

/** Names that are compared with an unknown one, and similar ones that are answered. */
const NAMES_MAX = 1_000;
const SIMILAR_MAX = 3;
/** Characters that differ at most, for every three of the name. */
const CHARS_PER_EDIT = 3;

/** Each name once, by one index probe a name, however many attempts it has. */
const namesIn = (table: string): string => `(WITH RECURSIVE name AS (
    (SELECT agent FROM ${table} WHERE tenant_id = $1 AND agent IS NOT NULL ORDER BY agent LIMIT 1)
    UNION ALL SELECT (SELECT a.agent FROM ${table} a WHERE a.tenant_id = $1 AND a.agent > name.agent ORDER BY a.agent LIMIT 1) FROM name WHERE name.agent IS NOT NULL)
  SELECT agent FROM name WHERE agent IS NOT NULL LIMIT ${NAMES_MAX})`;
const NAMES = `${namesIn('recant.attempt')} UNION ${namesIn('recant.observed')}`;

/** Agents of the tenant with recorded attempts whose names are like this one, nearest first. Of more than NAMES_MAX names the first are compared. */
export async function similarAgents(pool: pg.Pool, tenant: string, name: string): Promise<readonly string[]> {
  const { rows } = await asReader(pool, tenant, (client) => client.query<{ agent: string }>(NAMES, [tenant]));
  const wanted = plain(name);
  const most = Math.max(1, Math.floor(wanted.length / CHARS_PER_EDIT));
  return rows
    .map(({ agent }) => ({ agent, edits: distanceOf(wanted, plain(agent), most) }))
    .filter(({ edits }) => edits <= most)
    .sort((a, b) => a.edits - b.edits || (a.agent < b.agent ? -1 : 1))
    .slice(0, SIMILAR_MAX)
    .map(({ agent }) => agent);
}

const plain = (name: string): string => name.toLowerCase().replace(/[_. ]/g, '-');

/** Levenshtein's, up to `most`; above it, more than `most`. */
function distanceOf(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (before[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, (before[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    before = row;
  }
  return before[b.length] as number;
}
