import type { JsonObject, RecantEvent } from '@recant/events';
import { project } from '@recant/ledger';
import type { ProjectionTable } from './ports.ts';

export interface ExpectedRow {
  readonly table: ProjectionTable;
  readonly columns: JsonObject;
}

export interface EntryFacts {
  readonly sourceNo: number;
  readonly sequence: number;
  readonly keyId: string;
  readonly receivedAtMs: number;
}

/** Exactly the projected rows that an event's entry produces. */
export function expectedRows(event: RecantEvent, facts: EntryFacts): ExpectedRow[] {
  const { attempt, settlement, observed, effectCount, effects } = project(event);
  const { sourceNo, sequence, keyId, receivedAtMs } = facts;
  const rows: ExpectedRow[] = effects.map((row) => ({ table: 'effect', columns: { ...row, sourceNo } }));
  if (attempt !== undefined) rows.push({ table: 'attempt', columns: { ...attempt, sourceNo, sequence, keyId, receivedAtMs } });
  if (observed !== undefined) rows.push({ table: 'observed', columns: { ...observed, sourceNo, sequence, keyId, receivedAtMs } });
  if (effectCount !== undefined) rows.push({ table: 'effect_count', columns: { ...effectCount } });
  if (settlement !== undefined) rows.push({ table: 'settlement', columns: { ...settlement, sourceNo, receivedAtMs } });
  return rows;
}
