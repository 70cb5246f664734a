/** Selected attempts of one plan. */
export const PLAN_ATTEMPTS_MAX = 50_000;
/** Effects that one plan reads: of the selected attempts, and of all other attempts on their resources. */
export const PLAN_EFFECTS_MAX = 1_000_000;
/** Values of one field of a selection. */
export const SELECTION_VALUES_MAX = 1_000;
/** Characters of one value of a selection. */
export const SELECTION_VALUE_CHARS_MAX = 1_024;
