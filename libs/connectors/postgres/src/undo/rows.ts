import type { ClientBase } from 'pg';
import type { RowGoal } from './goal.ts';
import { keyId, readLive, type Versions } from './live.ts';
import type { CapturedTable } from './registry.ts';

/** Only parts that one of these rows has are read. */
export async function readRows(client: ClientBase, rows: readonly RowGoal[]): Promise<Map<string, Versions>> {
  const live = new Map<string, Versions>();
  const partsByTable = new Map<CapturedTable, Set<string>>();
  for (const { captured, parts } of rows) {
    const known = partsByTable.get(captured) ?? new Set();
    partsByTable.set(captured, known);
    for (const part of parts.keys()) known.add(part);
  }
  for (const [captured, wanted] of byTable(rows)) {
    const found = await readLive(
      client,
      captured,
      wanted.map((row) => row.key),
      partsByTable.get(captured),
    );
    for (const row of wanted) {
      const versions = found.get(keyId(row.key));
      if (versions !== undefined) live.set(row.resource, versions);
    }
  }
  return live;
}

/** Each row once. Tables in one order for everybody: what locks them cannot deadlock with itself. */
export function byTable(rows: readonly RowGoal[]): Map<CapturedTable, RowGoal[]> {
  const tables = new Map<CapturedTable, RowGoal[]>();
  const seen = new Set<string>();
  for (const row of rows) {
    if (seen.has(row.resource)) continue;
    seen.add(row.resource);
    const known = tables.get(row.captured);
    if (known === undefined) tables.set(row.captured, [row]);
    else known.push(row);
  }
  return new Map([...tables].sort(([a], [b]) => a.relation - b.relation));
}
