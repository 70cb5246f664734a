import { ApiFault, listPlanRepeats, type PlanRepeatsBody } from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { ProbableRepeats, RepeatedAttempt } from '@recant/store';
import type { RollbackCore } from './core.ts';

/** Selected attempts that are probably repeats, as the ledger has it now. */
export const planRepeatsRoute = ({ store, clock }: RollbackCore): BoundRoute =>
  handle(listPlanRepeats, async ({ caller, params, signal }) => {
    const found = await store.queries.repeats(caller.tenant, { plan: params.plan }, { nowMs: clock.now(), signal });
    if (!found) throw new ApiFault('plan_unknown', `Unknown plan ${JSON.stringify(params.plan)}.`);
    return { status: 200, body: repeatsBody(found) };
  });

function repeatsBody({ attempts, ...counts }: ProbableRepeats): PlanRepeatsBody {
  const listed = new Set(attempts.map(({ ref }) => keyOf(ref)));
  const items = attempts.flatMap(({ ref, receivedAtMs, same, ...attempt }) => {
    // Each pair once, with the later call.
    const own = same.filter(
      (call) =>
        call.receivedAtMs < receivedAtMs ||
        (call.receivedAtMs === receivedAtMs && keyOf(call.ref) < keyOf(ref)) ||
        !listed.has(keyOf(call.ref)),
    );
    if (own.length === 0) return [];
    const calls = own.map(({ ref: other, receivedAtMs: atMs, ...call }) => ({
      ...other,
      ...call,
      ...placeOf(atMs),
      gapMs: atMs - receivedAtMs,
    }));
    return [{ ...ref, ...attempt, ...placeOf(receivedAtMs), same: calls }];
  });
  return { items, ...counts };
}

const keyOf = ({ source, action, attempt }: RepeatedAttempt['ref']): string => `${source} ${action} ${attempt}`;
const placeOf = (atMs: number) => ({ receivedAt: new Date(atMs).toISOString() });
