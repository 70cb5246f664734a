import { type AttemptRef, type PlanMode, STEP_MODES, type StepMode } from '@recant/events';
import { PlannerError } from './error.ts';
import { OVERRIDES_MAX } from './limits.ts';
import type { LedgerReader, RecordedAttempt, Vector } from './ports.ts';
import { refKey } from './ref.ts';
import { matching } from './select-attempts.ts';
import { type InstantOf, parseCondition } from './selection/parse-condition.ts';
import { printCondition } from './selection/print-condition.ts';

/** A mode of its own for the selected attempts that meet a condition. */
export interface Override {
  readonly mode: StepMode;
  /** As `printCondition` writes it. */
  readonly where: string;
}

/** Modes of single attempts, by `refKey`. */
export type Modes = ReadonlyMap<string, StepMode>;

/** In normal form. @throws PlannerError `selection_invalid` */
export function parseOverrides(overrides: readonly Override[], instantOf?: InstantOf): readonly Override[] {
  if (overrides.length > OVERRIDES_MAX)
    throw new PlannerError(
      'selection_invalid',
      `Too many modes of single steps: expected at most ${OVERRIDES_MAX}, got ${overrides.length}.`,
    );
  const foreign = overrides.find(({ mode }) => !STEP_MODES.includes(mode));
  if (foreign)
    throw new PlannerError(
      'selection_invalid',
      `Unknown mode of a step ${JSON.stringify(foreign.mode)}: expected ${STEP_MODES.join(', ')}.`,
    );
  return overrides.map(({ mode, where }) => ({ mode, where: printCondition(parseCondition(where, instantOf)) }));
}

/**
 * Which selected attempts have which mode.
 * @throws PlannerError `override_unmatched`: a condition selects none of them, so that it is probably a typo; `override_ambiguous`: two modes for one attempt
 */
export async function modesOf(
  ledger: LedgerReader,
  tenant: string,
  overrides: readonly Override[],
  selected: readonly RecordedAttempt[],
  vector: Vector,
): Promise<Modes> {
  const modes = new Map<string, StepMode>();
  for (const { mode, where } of overrides) {
    const found = await matching(ledger, tenant, parseCondition(where), selected, vector);
    if (found.length === 0)
      throw new PlannerError(
        'override_unmatched',
        `No selected attempt matches ${JSON.stringify(where.slice(0, 200))}, which was to have mode ${mode}.`,
      );
    for (const { ref, agent, tool } of found) {
      const other = modes.get(refKey(ref));
      if (other !== undefined && other !== mode)
        throw new PlannerError(
          'override_ambiguous',
          `Two modes for one attempt (${agent}, ${tool}, action ${ref.action}, attempt ${ref.attempt}): ${other} and ${mode}.`,
        );
      modes.set(refKey(ref), mode);
    }
  }
  return modes;
}

/** The mode of a selected attempt. Dependents have none of their own: they are undone with those that need it. */
export const modeFor = ({ mode, modes }: { readonly mode: PlanMode; readonly modes?: Modes }, ref: AttemptRef): PlanMode =>
  modes?.get(refKey(ref)) ?? mode;

/** Whether dependents of some attempt are undone as well. */
export const cascades = ({ mode, overrides = [] }: { readonly mode: PlanMode; readonly overrides?: readonly Override[] }): boolean =>
  mode === 'cascade' || overrides.some((override) => override.mode === 'cascade');
