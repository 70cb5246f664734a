import { EXISTS } from '../resource.ts';
import type { RowGoal } from './goal.ts';
import type { Versions } from './live.ts';

/** Rows that differ from the database once the steps before are undone, by resource; undefined: gone. */
export type Overlay = ReadonlyMap<string, Versions | undefined>;

/** The goal's rows as its step will find them. */
export function rowsUnder(goals: Iterable<RowGoal>, live: ReadonlyMap<string, Versions>, overlay: Overlay): Map<string, Versions> {
  const rows = new Map<string, Versions>();
  for (const { resource } of goals) {
    const versions = overlay.has(resource) ? overlay.get(resource) : live.get(resource);
    if (versions !== undefined) rows.set(resource, versions);
  }
  return rows;
}

/** A row once these parts are back. undefined: gone */
export function restoredVersions(goal: RowGoal, parts: Iterable<string>, live: Versions | undefined): Versions | undefined {
  if (goal.parts.get(EXISTS)?.before === null) return undefined;
  const versions = new Map(live);
  for (const part of parts) versions.set(part, goal.parts.get(part)?.before ?? null);
  return versions;
}
