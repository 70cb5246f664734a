import type { PartAddress, Probed } from '@recant/connector';
import type { ClientBase, Pool } from 'pg';
import { EXISTS, parseRow } from '../resource.ts';
import { type Key, keyId, readLive, type Versions } from './live.ts';
import { type CapturedTable, type Registry, readRegistry } from './registry.ts';
import { inTransaction, isAway, type SqlError, wordsOf } from './session.ts';

/** Rows asked for in one statement. */
const ROWS_MAX = 5_000;

type Answer = { readonly versions: Versions | undefined } | { readonly reason: string };

/**
 * Versions now. A row is absent only where its table was just read by the same statement, with the same login, and no row-level policy can
 * have hidden it; whatever fails is unreadable.
 */
export async function probe(pool: Pool, system: string, parts: readonly PartAddress[]): Promise<readonly Probed[]> {
  const registry = await inTransaction(pool, (client) => readRegistry(client, system));
  const answers = new Map<string, Answer>();
  const wanted = new Map<CapturedTable, Map<string, Key>>();
  for (const { resource } of parts) {
    const found = locate(registry, resource);
    if ('reason' in found) answers.set(resource, found);
    else {
      const keys = wanted.get(found.captured) ?? new Map<string, Key>();
      wanted.set(found.captured, keys.set(resource, found.key));
    }
  }
  for (const [captured, keys] of wanted) {
    const all = [...keys];
    for (let from = 0; from < all.length; from += ROWS_MAX) await ask(pool, captured, all.slice(from, from + ROWS_MAX), answers);
  }
  return parts.map(({ resource, part }) => tell(resource, part, answers.get(resource)));
}

/** The table and key that a resource names, if it is captured as it is now. */
export function locate(registry: Registry, resource: string): { captured: CapturedTable; key: Key } | { reason: string } {
  let row: ReturnType<typeof parseRow>;
  try {
    row = parseRow(resource);
  } catch (error) {
    return { reason: (error as Error).message };
  }
  if (row.system !== registry.system) return { reason: `not a resource of system ${registry.system}` };
  const captured = registry.table(row.schema, row.table);
  if (captured === undefined || captured.table.key.length !== row.key.length) return { reason: 'not a row of a captured table' };
  if (row.key.some((value) => value.includes('\u0000'))) return { reason: 'the key contains U+0000, which PostgreSQL cannot store' };
  return { captured, key: row.key };
}

async function ask(
  pool: Pool,
  captured: CapturedTable,
  rows: readonly (readonly [string, Key])[],
  answers: Map<string, Answer>,
): Promise<void> {
  try {
    const live = await inTransaction(pool, async (client) => {
      const hidden = await isHiding(client, captured);
      return {
        hidden,
        rows: await readLive(
          client,
          captured,
          rows.map(([, key]) => key),
        ),
      };
    });
    for (const [resource, key] of rows) {
      const versions = live.rows.get(keyId(key));
      answers.set(resource, versions === undefined && live.hidden ? { reason: 'row-level security may hide it' } : { versions });
    }
  } catch (error) {
    if (isAway(error)) throw error;
    // One key that is no value of its type fails the statement for all.
    if (rows.length === 1 && rows[0] !== undefined) answers.set(rows[0][0], { reason: wordsOf(error as SqlError) });
    else for (const row of rows) await ask(pool, captured, [row], answers);
  }
}

export async function isHiding(client: ClientBase, captured: CapturedTable): Promise<boolean> {
  const { rows } = await client.query<{ hidden: boolean }>('SELECT row_security_active($1::oid) AS hidden', [captured.table.relid]);
  return rows[0]?.hidden !== false;
}

function tell(resource: string, part: string, answer: Answer | undefined): Probed {
  if (answer === undefined) return { resource, part, kind: 'unreadable', reason: 'not probed' };
  if ('reason' in answer) return { resource, part, kind: 'unreadable', reason: answer.reason };
  if (answer.versions === undefined) return { resource, part, kind: 'version', version: null };
  const version = answer.versions.get(part);
  if (version === undefined) return { resource, part, kind: 'unreadable', reason: part === EXISTS ? 'row not visible' : 'no such column' };
  return { resource, part, kind: 'version', version };
}
