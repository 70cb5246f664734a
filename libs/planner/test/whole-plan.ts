import { plan as draft, type PlanBody, type PlanInput } from '../src/index.ts';

/** A plan with all of its steps in memory. */
export function plan(input: PlanInput): PlanBody {
  const body = draft(input);
  return { ...body, steps: [...body.steps] };
}
