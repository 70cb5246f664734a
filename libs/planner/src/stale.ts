import { createHash } from 'node:crypto';
import { canonicalize } from '@recant/events';
import { PLAN_LISTS, type PlanDraft, type PlanItem, type PlanList } from './plan.ts';
import type { ItemReader } from './stored.ts';

/**
 * What makes a plan another one: a new attempt with effects matches the selection, or touches a part of a step. Ordinals of other parts of the same resources and
 * reads do not count.
 */
export interface EssenceReader extends ItemReader {
  essence(): string;
}

export function essenceReader(): EssenceReader {
  const hash = createHash('sha256');
  const write = (list: PlanList, essential: object): void => void hash.update(`${list} ${canonicalize(essential)}\n`, 'utf8');
  const readers: { readonly [L in PlanList]?: (item: PlanItem<L>) => unknown } = {
    conflicts: ({ kind, ref, by }) => write('conflicts', { kind, ref, by: by?.ref ?? null }),
    // A call without effects, such as one that a freeze denied, leaves the plan as it is: an agent that goes on calling must not prevent its own undo.
    left: ({ ref, reason }) => reason !== 'no_effect' && write('left', { ref, reason }),
    steps: ({ systems, ...step }) => write('steps', { ...step, systems: systems.map(({ knownOrdinals: _known, ...system }) => system) }),
  };
  return { add: (list, item) => readers[list]?.(item), essence: () => hash.digest('hex') };
}

/** @param then `essence` of the plan that was made. Whether it would be another one now. */
export function isStale(then: string, now: Pick<PlanDraft, PlanList>): boolean {
  const reader = essenceReader();
  for (const list of PLAN_LISTS) for (const item of now[list]) reader.add(list, item);
  return reader.essence() !== then;
}
