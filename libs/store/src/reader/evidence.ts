import { type AttemptRef, createEffectsDigest, type Effect, type EventOf, type Grade } from '@recant/events';
import { effectsOfEvent, type Observed, observedTransactions, refOfEvent } from '@recant/ledger';
import type { RecordedAttempt, RecordedEffect } from '@recant/planner';
import type { AttemptSummary } from '../query/attempt-row.ts';
import type { EffectsEntry } from './entries.ts';

type Chunk = EventOf<'recant.attempt.effects.v1'>;

export const keyOf = ({ source, action, attempt }: AttemptRef): string => `${action}.${attempt} ${source}`;

/** What an attempt's record rests on. */
type Evidence = Pick<RecordedAttempt, 'complete' | 'witnessed' | 'grade' | 'registered' | 'unknown'>;

/**
 * Where targets recorded all effects of an attempt, they are attested and need no registration of the agent's key; effects that the agent reported on other
 * systems beside them make the attempt claimed.
 */
export function evidenceOf(
  summary: AttemptSummary,
  entries: readonly EffectsEntry[],
  key: { readonly grade: Grade; readonly resources: readonly string[] },
): Evidence {
  const seen = entries.map(({ event }) => event).filter((event) => event.type === 'recant.attempt.observed.v1');
  const own = entries.map(({ event }) => event).filter((event) => event.type === 'recant.attempt.effects.v1');
  const claims = own.some((event) => effectsOfEvent(event).some((effect) => !isObserved(effect, seen)));
  const transactions = observedTransactions(seen);
  const witnessed = transactions.length > 0 && transactions.every(({ complete }) => complete);
  const unknown = unknownOf(seen);
  return {
    complete: isComplete(summary, own, seen),
    ...(witnessed && { witnessed: true }),
    ...(unknown.length > 0 && { unknown }),
    grade: seen.length > 0 && !claims ? 'attested' : key.grade,
    registered: seen.length > 0 ? [...key.resources, ...systemsOf(seen)] : key.resources,
  };
}

/** Same rule as `createAttemptFold` in libs/ledger. Ids are unique, so no chunk occurs twice. */
function isComplete({ settled, status, transaction, ruling }: AttemptSummary, own: readonly Chunk[], seen: readonly Observed[]): boolean {
  if (observedTransactions(seen).some(({ complete }) => !complete)) return false;
  if (transaction?.unnamed) return true;
  // A person's word stands for the settlement that is missing.
  if (settled === undefined) return own.length === 0 && (ruling !== undefined || (status === 'unknown' && seen.length > 0));
  const chunks = own
    .map(({ data }) => data)
    .filter(({ chunk }) => chunk < settled.chunks)
    .sort((a, b) => a.chunk - b.chunk);
  if (chunks.length !== settled.chunks || chunks.some(({ chunk }, n) => chunk !== n)) return false;
  if (chunks.reduce((sum, { effects }) => sum + effects.length, 0) !== settled.effects) return false;
  const digest = createEffectsDigest();
  for (const { effects } of chunks) digest.add(effects);
  return digest.hex() === settled.digest;
}

/** Changes that the targets only counted, by table. */
function unknownOf(seen: readonly Observed[]): NonNullable<RecordedAttempt['unknown']> {
  const changes = new Map<string, number>();
  for (const { data } of seen)
    for (const { table, changes: some, unknown } of data.counted ?? [])
      if (unknown === true) changes.set(table, (changes.get(table) ?? 0) + some);
  return [...changes.keys()].sort().map((table) => ({ table, changes: changes.get(table) as number }));
}

function isObserved({ resource, ordinal }: Effect, seen: readonly Observed[]): boolean {
  return seen.some(({ data }) => data.effects.some((effect) => effect.resource === resource && effect.ordinal === ordinal));
}

function systemsOf(seen: readonly Observed[]): readonly string[] {
  const resources = seen.flatMap(({ data }) => data.effects.map(({ resource }) => resource));
  return [...new Set(resources.map((resource) => `${resource.slice(0, resource.indexOf('/', resource.indexOf('://') + 3))}/*`))].sort();
}

/** The effects in these entries that count, ascending. One that both the target and another recorder report counts once, as the target recorded it. */
export function effectsIn(entries: readonly EffectsEntry[], wanted?: ReadonlySet<string>): readonly RecordedEffect[] {
  const observed = new Set<string>();
  for (const { event } of entries)
    if (event.type === 'recant.attempt.observed.v1')
      for (const effect of event.data.effects) observed.add(placeOf(refOfEvent(event), effect));
  return entries.flatMap(({ entry, event }) => {
    const ref = refOfEvent(event);
    const isTwice = (effect: Effect) =>
      observed.size > 0 && event.type === 'recant.attempt.effects.v1' && observed.has(placeOf(ref, effect));
    return effectsOfEvent(event)
      .filter((effect) => (wanted === undefined || wanted.has(effect.resource)) && !isTwice(effect))
      .map((effect) => ({ ...effect, attempt: ref, entry, ...(event.type === 'recant.attempt.observed.v1' && CAPTURED) }));
  });
}

const CAPTURED = { captured: true } as const;

function placeOf(ref: AttemptRef, { resource, ordinal }: Effect): string {
  return `${keyOf(ref)} ${resource} ${ordinal}`;
}
