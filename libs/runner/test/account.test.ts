import type { StepOutcome, Verdict } from '@recant/events';
import { expect, test } from 'vitest';
import { accountOf, type PlanSummary, type StepFinding } from '../src/index.ts';

const verdict = (
  outcomes: readonly (StepOutcome | undefined)[],
  plan: Partial<PlanSummary> = {},
  findings: readonly StepFinding[] = [],
): Verdict =>
  accountOf(
    { selected: outcomes.length, left: {}, claimed: 0, unknown: 0, uncaptured: 0, remains: 0, ambiguous: 0, tainted: 0, ...plan },
    outcomes.map((outcome) => ({ state: outcome ? 'ended' : 'pending', findings, residue: [], ...(outcome ? { outcome } : {}) })),
  ).verdict;

test('I7: fully_restored needs every selected attempt restored, attested, and nothing left out', () => {
  expect(verdict(['restored', 'already_undone'])).toBe('fully_restored');
  expect(verdict(['restored'], { left: { no_effect: 3, already_undone: 1, cancelled_out: 2 } })).toBe('fully_restored');
  expect(verdict(['restored', 'restored'], { claimed: 1 })).toBe('restored_unverified');
  expect(verdict(['restored'], { unknown: 1 })).toBe('restored_unverified');
  expect(verdict(['restored'], { missing: 1 })).toBe('restored_unverified');
  expect(verdict(['restored'], { uncaptured: 1 })).toBe('restored_unverified');
  expect(verdict(['restored'], { remains: 1 })).toBe('partly_restored');
  expect(verdict(['restored'], { ambiguous: 1 })).toBe('partly_restored');
  expect(verdict(['restored'], { partial: 1, rowsStay: 1 })).toBe('partly_restored');
  expect(verdict(['restored'], { left: { effects_unknown: 1 } })).toBe('restored_unverified');
  expect(verdict(['restored'], {}, [{ code: 'capture_incomplete', detail: 'accepted' }])).toBe('restored_unverified');
  for (const reason of ['skipped', 'irreversible', 'open', 'incomplete', 'not_registered'])
    expect(verdict(['restored'], { left: { [reason]: 1 }, claimed: 1 })).toBe('partly_restored');
  for (const outcome of ['compensated', 'conflicted', 'expired', 'irreversible', 'undecided', 'skipped', 'failed', undefined] as const)
    expect(verdict(['restored', outcome])).toBe('partly_restored');
  for (const outcome of ['conflicted', 'failed', 'skipped', undefined] as const) expect(verdict([outcome])).toBe('not_restored');
});
