import { allOf, type Condition, partsOf } from './condition.ts';
import { conditionOfFields } from './lift.ts';
import { parseCondition } from './parse-condition.ts';
import { printCondition } from './print-condition.ts';
import type { Selection } from './selection.ts';

/** The whole selection of attempts as one condition in the grammar. */
export function selectionText(selection: Selection): string {
  return printCondition(conditionOf(selection));
}

/** Agents and runs that the selection names anywhere, also under `not`. */
export function namesIn(selection: Selection, field: 'agent' | 'run'): readonly string[] {
  const parts = [...partsOf(conditionOf(selection))];
  return [...new Set(parts.flatMap((part) => ('field' in part && part.field === field && 'in' in part ? part.in : [])))];
}

function conditionOf({ where, ambiguous: _ambiguous, ...fields }: Selection): Condition {
  const known = conditionOfFields(fields);
  const rest = where === undefined ? undefined : parseCondition(where);
  return allOf([known, rest].filter((condition) => condition !== undefined));
}
