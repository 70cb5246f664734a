import { ApiFault, settleAttempt } from '@recant/api';
import { deadlineOf, OPEN_MS_MAX, ruledStatus } from '@recant/ledger';
import { type BoundRoute, handle } from '@recant/service';
import type { AttemptDetail, Queries, Rulings, SourceState } from '@recant/store';

/** A person's word about attempts of the caller's tenant whose outcome is unknown. */
export function settlingRoutes(queries: Queries, rulings: Rulings, clock: () => number): readonly BoundRoute[] {
  return [
    handle(settleAttempt, async ({ caller, params: { action }, body: { as, reason, attempt, source }, signal }) => {
      const atMs = clock();
      const { attempts } = await queries.action(caller.tenant, action, { nowMs: atMs, signal });
      const matching = attempts.filter((one) => (attempt ?? one.attempt) === one.attempt && (source ?? one.source) === one.source);
      const one = await theUnknown(action, matching, (source) => queries.sourceState(caller.tenant, source, atMs));
      const ref = { source: one.source, action, attempt: one.attempt };
      await rulings.put(caller.tenant, ref, { outcome: as, reason, by: caller.id, atMs });
      const { status } = ruledStatus(one.state.status, { outcome: as });
      const object = { action, attempt: one.attempt, source: one.source };
      return { status: 200, body: { ...ref, status }, act: { object, detail: { as, was: one.state.status } } };
    }),
  ];
}

type StateOf = (source: string) => Promise<SourceState | undefined>;

/** @throws ApiFault `action_unknown`, `attempt_not_unknown`, `attempt_ambiguous` */
async function theUnknown(action: string, attempts: readonly AttemptDetail[], stateOf: StateOf): Promise<AttemptDetail> {
  const [known] = attempts;
  if (known === undefined) throw new ApiFault('action_unknown', `Unknown action or attempt ${action}.`);
  const unknown: AttemptDetail[] = [];
  for (const one of attempts) if (isUnknown(one) || (await isAbandoned(one, stateOf))) unknown.push(one);
  const open = unknown.filter(isOpen);
  const [first, ...more] = open.length > 0 ? open : unknown;
  if (first === undefined)
    throw new ApiFault(
      'attempt_not_unknown',
      `Attempt ${known.attempt} of action ${action}: expected an unknown outcome, got ${known.state.status}.${openText(known)}`,
    );
  if (more.length > 0)
    throw new ApiFault('attempt_ambiguous', `Action ${action} has ${more.length + 1} attempts whose outcome is unknown.`);
  return first;
}

/** Its process ended without a word about it, by the ledger's own record: nothing that it does follows. */
async function isAbandoned({ source, state }: AttemptDetail, stateOf: StateOf): Promise<boolean> {
  if (state.status !== 'open') return false;
  const now = await stateOf(source);
  return now === 'lost' || now === 'closed';
}

function openText({ state: { status, intended }, first }: AttemptDetail): string {
  if (status !== 'open' || intended === undefined) return '';
  const fromMs = Math.min(deadlineOf(intended), first.receivedAtMs + OPEN_MS_MAX);
  return ` Its process is connected: it can be settled from ${new Date(fromMs).toISOString()}, or once its process has ended.`;
}

/** Also one that was settled by a person: a later word counts, and ends a contradiction. */
function isUnknown({ state, ruling }: AttemptDetail): boolean {
  return state.status === 'unknown' || isContradicted(state.status, ruling);
}

/** Nobody has settled it, or what was reported since then contradicts them. */
function isOpen({ state, ruling }: AttemptDetail): boolean {
  return ruling === undefined || isContradicted(state.status, ruling);
}

function isContradicted(status: AttemptDetail['state']['status'], ruling: AttemptDetail['ruling']): boolean {
  return ruledStatus(status, ruling).contradicted !== undefined;
}
