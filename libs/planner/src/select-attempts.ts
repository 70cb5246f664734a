import { PlannerError } from './error.ts';
import { CANDIDATES_AT_ONCE, PLAN_CANDIDATES_MAX } from './limits.ts';
import type { AttemptContexts, LedgerReader, OnEffects, RecordedAttempt, Vector } from './ports.ts';
import { refKey } from './ref.ts';
import { type Condition, partsOf } from './selection/condition.ts';
import { type AttemptFacts, isMatch } from './selection/evaluate.ts';
import { parseCondition } from './selection/parse-condition.ts';
import type { Selection } from './selection/selection.ts';

/**
 * The attempts of a selection: looked up by its fields, then those that meet its condition.
 * @param onEffects may be called with their effects, where the reader meets these (see `LedgerReader.select`)
 * @throws PlannerError `plan_too_large`: over PLAN_CANDIDATES_MAX to look at
 */
export async function selectAttempts(
  ledger: LedgerReader,
  tenant: string,
  selection: Selection,
  vector: Vector,
  onEffects?: OnEffects,
): Promise<readonly RecordedAttempt[]> {
  // Of candidates that the condition leaves out nothing more is needed.
  const candidates = await ledger.select(tenant, selection, vector, selection.where === undefined ? onEffects : undefined);
  if (candidates.length > PLAN_CANDIDATES_MAX)
    throw new PlannerError(
      'plan_too_large',
      `Too many attempts to look at: expected at most ${PLAN_CANDIDATES_MAX}. Name an agent, a session, a tool or a window in the selection.`,
    );
  return selection.where === undefined ? candidates : matching(ledger, tenant, parseCondition(selection.where), candidates, vector);
}

/** Those that meet the condition. Reads only what it asks for, a bounded number of attempts at once. */
export async function matching(
  ledger: Pick<LedgerReader, 'contexts' | 'effectsOf'>,
  tenant: string,
  condition: Condition,
  candidates: readonly RecordedAttempt[],
  vector: Vector,
): Promise<readonly RecordedAttempt[]> {
  const asked = new Set(
    [...partsOf(condition)].map((part) => ('field' in part ? part.field : 'label' in part ? 'label' : 'key' in part ? 'resource' : '')),
  );
  const asksResources = asked.has('resource');
  const asksContext = asksResources || asked.has('label') || asked.has('principal') || asked.has('version');
  const found: RecordedAttempt[] = [];
  for (let at = 0; at < candidates.length; at += CANDIDATES_AT_ONCE) {
    const some = candidates.slice(at, at + CANDIDATES_AT_ONCE);
    const contexts: AttemptContexts = asksContext ? await ledger.contexts(tenant, some) : new Map();
    const resources = asksResources ? await touchedBy(ledger, tenant, some, vector) : new Map<string, Set<string>>();
    found.push(
      ...some.filter((attempt) => isMatch(condition, factsOf(attempt, contexts, resources.get(refKey(attempt.ref)) ?? new Set()))),
    );
  }
  return found;
}

/** Resources with effects of each attempt, by `refKey`. Attempts with more effects than one answer has are read in halves. */
async function touchedBy(
  ledger: Pick<LedgerReader, 'effectsOf'>,
  tenant: string,
  attempts: readonly RecordedAttempt[],
  vector: Vector,
): Promise<Map<string, Set<string>>> {
  const touched = new Map<string, Set<string>>();
  const read = async (some: readonly RecordedAttempt[]): Promise<void> => {
    const refs = some.map(({ ref }) => ref);
    const effects = await ledger.effectsOf(tenant, refs, vector).catch((error: unknown) => {
      if (some.length > 1 && error instanceof PlannerError && error.code === 'plan_too_large') return undefined;
      throw error;
    });
    if (effects === undefined) {
      const half = Math.ceil(some.length / 2);
      await read(some.slice(0, half));
      await read(some.slice(half));
    }
    for (const { attempt, resource } of effects ?? []) {
      const key = refKey(attempt);
      touched.set(key, (touched.get(key) ?? new Set()).add(resource));
    }
  };
  await read(attempts);
  return touched;
}

function factsOf(attempt: RecordedAttempt, contexts: AttemptContexts, touched: ReadonlySet<string>): AttemptFacts {
  const { ref, agent, tool, session, trace, status, grade, reversibility, inverts, receivedAtMs, intendedAtMs } = attempt;
  const { onBehalfOf, agentVersion, labels = {}, resources = [] } = contexts.get(refKey(ref)) ?? {};
  return {
    id: ref.action,
    agent,
    tool,
    outcome: status,
    grade,
    reversibility,
    ...(session !== undefined && { session }),
    ...(trace !== undefined && { trace }),
    ...(inverts && { run: inverts.run }),
    ...(onBehalfOf !== undefined && { principal: onBehalfOf }),
    ...(agentVersion !== undefined && { version: agentVersion }),
    labels,
    resources: [...new Set([...resources, ...touched])],
    receivedAtMs,
    intendedAtMs,
  };
}
