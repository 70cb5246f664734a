import { ApiFault } from '@recant/api';
import { PlannerError } from '@recant/planner';
import { RunnerError } from '@recant/runner';

/** Converts errors of the planner and the runner to API errors; rethrows all others. */
export async function withApiFaults<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PlannerError) throw new ApiFault(error.code, error.message, { cause: error });
    if (error instanceof RunnerError) throw new ApiFault('ledger_unavailable', error.message, { cause: error });
    throw error;
  }
}
