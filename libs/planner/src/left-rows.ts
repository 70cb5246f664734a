import { type DerivedParts, withoutDerived } from './derived.ts';
import { PlannerError } from './error.ts';
import type { LeftAttempt } from './plan.ts';
import type { LedgerReader, RecordedEffect, Vector } from './ports.ts';
import { compareOrdinals, refKey } from './ref.ts';
import { PARTIAL_UNDO } from './undone.ts';
import { writes } from './view.ts';

/** Attempts whose effects are read at once. */
const ATTEMPTS_AT_ONCE = 100;
/** Nothing of such an attempt stays. */
const HARMLESS: ReadonlySet<string> = new Set<LeftAttempt['reason']>(['no_effect', 'already_undone', 'cancelled_out']);

type Reader = Pick<LedgerReader, 'effectsOf' | 'inversesOf'>;
interface Plan {
  readonly tenant: string;
  readonly vector: Vector;
  readonly derived: readonly DerivedParts[];
}

/** Rows and files that attempts without a step leave, as the plan saw them; without those that an earlier run put back. */
export async function* rowsLeft(
  ledger: Reader,
  plan: Plan,
  left: Iterable<LeftAttempt> | AsyncIterable<LeftAttempt>,
): AsyncGenerator<{ readonly left: LeftAttempt; readonly resources: readonly string[] }> {
  let some: LeftAttempt[] = [];
  for await (const one of left) {
    if (HARMLESS.has(one.reason)) continue;
    some.push(one);
    if (some.length < ATTEMPTS_AT_ONCE) continue;
    yield* rowsOf(ledger, plan, some);
    some = [];
  }
  if (some.length > 0) yield* rowsOf(ledger, plan, some);
}

async function* rowsOf(ledger: Reader, { tenant, vector, derived }: Plan, some: readonly LeftAttempt[]) {
  const refs = some.map(({ ref }) => ref);
  const effects = withoutDerived(await effectsOf(ledger, tenant, refs, vector), derived);
  const putBack = await putBackOf(ledger, tenant, refs, vector);
  const written = Map.groupBy(effects.filter(writes), ({ attempt }) => refKey(attempt));
  for (const left of some) {
    const back = putBack.get(refKey(left.ref));
    const own = (written.get(refKey(left.ref)) ?? []).filter(({ resource, ordinal }) => {
      const at = back?.get(resource);
      return at === undefined || compareOrdinals(at, ordinal) < 0;
    });
    yield { left, resources: [...new Set(own.map(({ resource }) => resource))].sort() };
  }
}

/** More effects than one answer has are read in halves. */
async function effectsOf(ledger: Reader, tenant: string, refs: readonly LeftAttempt['ref'][], vector: Vector): Promise<RecordedEffect[]> {
  try {
    return [...(await ledger.effectsOf(tenant, refs, vector))];
  } catch (error) {
    if (refs.length === 1 || !(error instanceof PlannerError) || error.code !== 'plan_too_large') throw error;
    const half = refs.length >> 1;
    const first = await effectsOf(ledger, tenant, refs.slice(0, half), vector);
    return [...first, ...(await effectsOf(ledger, tenant, refs.slice(half), vector))];
  }
}

/** What inverses of single rows wrote that no later run undid: by `refKey` of the attempt and resource, with the last ordinal. */
async function putBackOf(ledger: Reader, tenant: string, refs: readonly LeftAttempt['ref'][], vector: Vector) {
  const inverses = (await ledger.inversesOf(tenant, refs, vector)).filter(
    ({ tool, status }) => tool === PARTIAL_UNDO && status === 'succeeded',
  );
  const putBack = new Map<string, Map<string, string>>();
  if (inverses.length === 0) return putBack;
  const inverseRefs = inverses.map(({ ref }) => ref);
  const undone = new Set(
    (await ledger.inversesOf(tenant, inverseRefs, vector)).flatMap(({ inverts, status }) =>
      inverts && status === 'succeeded' ? [refKey(inverts)] : [],
    ),
  );
  const of = new Map(
    inverses.flatMap(({ ref, inverts }) => (inverts && !undone.has(refKey(ref)) ? [[refKey(ref), refKey(inverts)] as const] : [])),
  );
  for (const { attempt, resource, ordinal, ...effect } of await effectsOf(ledger, tenant, inverseRefs, vector)) {
    const key = of.get(refKey(attempt));
    if (key === undefined || Object.keys(effect.parts).length === 0) continue;
    const rows = putBack.get(key) ?? new Map<string, string>();
    putBack.set(key, rows);
    const known = rows.get(resource);
    if (known === undefined || compareOrdinals(known, ordinal) < 0) rows.set(resource, ordinal);
  }
  return putBack;
}
