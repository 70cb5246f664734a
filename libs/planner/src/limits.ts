/** Selected attempts of one plan. */
export const PLAN_ATTEMPTS_MAX = 100_000;
/** Effects that one plan reads: of the selected attempts, and of all other attempts on their resources. */
export const PLAN_EFFECTS_MAX = 1_000_000;
/** Values of one field of a selection. */
export const SELECTION_VALUES_MAX = 1_000;
/** Characters of one value of a selection. */
export const SELECTION_VALUE_CHARS_MAX = 1_024;
/** Attempts that the ledger looks up for one plan, before the condition of its selection is evaluated. */
export const PLAN_CANDIDATES_MAX = 200_000;
/** Attempts whose resources are read at once to evaluate a condition. */
export const CANDIDATES_AT_ONCE = 2_000;
/** Characters of a condition in a selection. */
export const CONDITION_CHARS_MAX = 16_384;
/** Levels of `not` and parentheses in a condition. */
export const CONDITION_DEPTH_MAX = 32;
/** Comparisons in a condition. */
export const CONDITION_PARTS_MAX = 500;
/** Modes of single steps, or of selections of steps, in one plan. */
export const OVERRIDES_MAX = 100;
/** Rounds of reading dependents of dependents on further resources, in mode `cascade`. */
export const CASCADE_ROUNDS_MAX = 50;
