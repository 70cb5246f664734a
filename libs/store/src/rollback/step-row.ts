import type { AttemptRef } from '@recant/events';
import type { StepFinding, StepRecord } from '@recant/runner';

export const STEP_COLUMNS = 'step, state, outcome, findings, residue, inverse_action, take_back_action';

export interface StepSqlRow {
  readonly step: number;
  readonly state: StepRecord['state'];
  readonly outcome: NonNullable<StepRecord['outcome']> | null;
  readonly findings: string;
  readonly residue: string;
  readonly inverse_action: string | null;
  readonly take_back_action: string | null;
}

export function toStep(row: StepSqlRow, source: string): StepRecord {
  const refOf = (action: string): AttemptRef => ({ source, action, attempt: 1 });
  return {
    step: row.step,
    state: row.state,
    ...(row.outcome === null ? {} : { outcome: row.outcome }),
    findings: JSON.parse(row.findings) as StepFinding[],
    residue: JSON.parse(row.residue) as string[],
    ...(row.inverse_action === null ? {} : { inverse: refOf(row.inverse_action) }),
    ...(row.take_back_action === null ? {} : { takeBack: refOf(row.take_back_action) }),
  };
}
