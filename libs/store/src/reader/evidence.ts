import { createEffectsDigest, type Effect, type EventOf, type Grade } from '@recant/events';
import { createObservedFold, effectsOfEvent } from '@recant/ledger';
import { PLAN_EFFECTS_MAX, type RecordedAttempt, type RecordedEffect } from '@recant/planner';
import type { AttemptSummary } from '../query/attempt-row.ts';
import { compareEntries, type EffectsEntry, keyOf } from './entries.ts';

type Chunk = EventOf<'recant.attempt.effects.v1'>;

/** What an attempt's record rests on. */
export type Evidence = Pick<RecordedAttempt, 'complete' | 'witnessed' | 'grade' | 'registered' | 'unknown'>;

/**
 * Where targets recorded all effects of an attempt, they are attested and need no registration of the agent's key; effects that the agent reported on other
 * systems beside them make the attempt claimed. Entries come in the order of a page: what targets recorded, then the source's chunks by number. Of the
 * effects it keeps only where the targets' are, and only up to the most that a plan reads: the agent's beyond that count as claimed.
 */
export function createEvidence(
  summary: AttemptSummary,
  key: { readonly grade: Grade; readonly resources: readonly string[] },
): { add(entry: EffectsEntry): void; end(): Evidence } {
  const { status, transaction, ruling } = summary;
  const observed = createObservedFold();
  const settlement = createSettlement(summary);
  const places = new Set<string>();
  const unknown = new Map<string, number>();
  const systems = new Set<string>();
  let [seen, own, claims] = [0, 0, false];
  const isComplete = (transactions: readonly { readonly complete: boolean }[]): boolean => {
    if (transactions.some(({ complete }) => !complete)) return false;
    if (transaction?.unnamed) return true;
    // A person's word stands for the settlement that is missing.
    return settlement?.isMet() ?? (own === 0 && (ruling !== undefined || (status === 'unknown' && seen > 0)));
  };
  return {
    add({ event }: EffectsEntry): void {
      if (event.type === 'recant.attempt.effects.v1') {
        own += 1;
        settlement?.add(event);
        claims ||= effectsOfEvent(event).some((effect) => !places.has(placeIn(effect)));
        return;
      }
      seen += 1;
      observed.add(event);
      for (const effect of event.data.effects) {
        systems.add(systemOf(effect));
        if (places.size < PLAN_EFFECTS_MAX) places.add(placeIn(effect));
      }
      for (const { table, changes, unknown: isUnknown } of event.data.counted ?? [])
        if (isUnknown === true) unknown.set(table, (unknown.get(table) ?? 0) + changes);
    },
    /** Called once, after the last entry. */
    end(): Evidence {
      const transactions = observed.transactions();
      return {
        complete: isComplete(transactions),
        ...(transactions.length > 0 && transactions.every(({ complete }) => complete) && { witnessed: true }),
        ...(unknown.size > 0 && { unknown: [...unknown].sort(byTable).map(([table, changes]) => ({ table, changes })) }),
        grade: seen > 0 && !claims ? 'attested' : key.grade,
        registered: seen > 0 ? [...key.resources, ...[...systems].sort()] : key.resources,
      };
    },
  };
}

const byTable = ([a]: [string, number], [b]: [string, number]): number => (a < b ? -1 : 1);

/** Same rule as `createAttemptFold` in libs/ledger. Ids are unique, so no chunk occurs twice. undefined: no settlement. */
function createSettlement({ settled }: AttemptSummary): { add(event: Chunk): void; isMet(): boolean } | undefined {
  if (settled === undefined) return undefined;
  const digest = createEffectsDigest();
  let [next, effects] = [0, 0];
  return {
    add({ data }) {
      if (data.chunk !== next || data.chunk >= settled.chunks) return;
      next += 1;
      effects += data.effects.length;
      digest.add(data.effects);
    },
    isMet: () => next === settled.chunks && effects === settled.effects && digest.hex() === settled.digest,
  };
}

const placeIn = ({ resource, ordinal }: Effect): string => `${resource} ${ordinal}`;

/** Every resource of the effect's system, as a pattern. */
const systemOf = ({ resource }: Effect): string => `${resource.slice(0, resource.indexOf('/', resource.indexOf('://') + 3))}/*`;

/** Collects the effects in entries, which come in any order. */
export interface EffectsCollector {
  /** @returns false: there are more than a plan may read */
  add(entries: readonly EffectsEntry[]): boolean;
  /** Ascending by entry. One that both the target and another recorder report counts once, as the target recorded it. */
  effects(): readonly RecordedEffect[];
}

/** @param wanted resources; undefined: all */
export function createEffectsCollector(most: number, wanted?: ReadonlySet<string>): EffectsCollector {
  const found: RecordedEffect[] = [];
  const share = sharedReads();
  let captured = 0;
  return {
    add(entries) {
      for (const { entry, event, attempt } of entries) {
        const isCaptured = event.type === 'recant.attempt.observed.v1';
        for (const effect of effectsOfEvent(event)) {
          if (wanted !== undefined && !wanted.has(effect.resource)) continue;
          if (isCaptured) captured += 1;
          found.push({ ...effect, ...(effect.reads && { reads: share(effect.reads) }), attempt, entry, ...(isCaptured && CAPTURED) });
        }
      }
      return found.length <= most;
    },
    effects() {
      const once = captured === 0 || captured === found.length ? found : withoutReports(found);
      return once.sort((a, b) => compareEntries(a.entry, b.entry));
    },
  };
}

type Reads = NonNullable<Effect['reads']>;

/** Most rows of a table were read alike: one object stands for equal reads that follow each other. */
function sharedReads(): (reads: Reads) => Reads {
  let last: Reads = {};
  return (reads) => {
    const parts = Object.keys(reads);
    const isSame =
      parts.length === Object.keys(last).length && parts.every((part) => Object.hasOwn(last, part) && last[part] === reads[part]);
    if (!isSame) last = reads;
    return last;
  };
}

function withoutReports(effects: readonly RecordedEffect[]): RecordedEffect[] {
  const captured = new Set(effects.filter((effect) => effect.captured).map(placeOf));
  return effects.filter((effect) => effect.captured === true || !captured.has(placeOf(effect)));
}

const CAPTURED = { captured: true } as const;

const placeOf = (effect: RecordedEffect): string => `${keyOf(effect.attempt)} ${placeIn(effect)}`;
