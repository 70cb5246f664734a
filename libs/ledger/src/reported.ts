import { type Effect, type EventOf, OWN_AGENT, type RecantEvent } from '@recant/events';
import type { Observed } from './observed.ts';

type Effects = EventOf<'recant.attempt.effects.v1'>;

/** Starts of the resources of systems that capture by themselves. */
const CAPTURED = ['postgres://'];

/**
 * I14: the effects of an event that count. What an agent reports about a system that captures by itself does not: there the target is the witness.
 * Only Recant's own services may send as agent `recant` (`admit.ts`).
 */
export function effectsOfEvent(event: Effects | Observed): readonly Effect[] {
  return isByAgent(event) && event.data.effects.some(isCaptured)
    ? event.data.effects.filter((one) => !isCaptured(one))
    : event.data.effects;
}

/** Effects in an event that `discrepanciesOf` compares: what an agent reported about captured systems, what a target recorded. */
export function comparedIn(event: RecantEvent): { readonly reported: number; readonly recorded: number } {
  if (event.type === 'recant.attempt.observed.v1') return { reported: 0, recorded: event.data.effects.length };
  if (event.type !== 'recant.attempt.effects.v1' || !isByAgent(event)) return { reported: 0, recorded: 0 };
  return { reported: event.data.effects.filter(isCaptured).length, recorded: 0 };
}

const isByAgent = (event: RecantEvent): boolean => event.type === 'recant.attempt.effects.v1' && event.agent !== OWN_AGENT;
const isCaptured = ({ resource }: Pick<Effect, 'resource'>): boolean => CAPTURED.some((start) => resource.startsWith(start));

/** `invented`: the target recorded no such effect; `misordered`: it recorded it at another place; `withheld`: the agent reported others, not this one. */
export type DiscrepancyKind = 'invented' | 'misordered' | 'withheld';
export interface Discrepancy {
  readonly kind: DiscrepancyKind;
  readonly resource: string;
  /** Of the agent's effect; of a withheld one, the target's. */
  readonly ordinal: string;
}
export interface Discrepancies {
  /** False if there were too many effects to compare. */
  readonly compared: boolean;
  readonly count: number;
  /** The first ones. */
  readonly shown: readonly Discrepancy[];
}

const SHOWN_MAX = 20;

/**
 * Where an agent's report about captured systems differs from what their targets recorded. An agent that reports nothing there, as the SDK does, contradicts
 * nothing, unless it says that its tool did not run. A function of the set of events.
 */
export function discrepanciesOf(chunks: readonly Effects[], observed: readonly Observed[], isDenied: boolean): Discrepancies {
  const reported = chunks.filter(isByAgent).flatMap(({ data }) => data.effects.filter(isCaptured));
  const recorded = new Map(observed.flatMap(({ data }) => data.effects.map((effect) => [placeOf(effect), effect])));
  const contents = new Set([...recorded.values()].map(contentOf));
  const places = new Set(reported.map(placeOf));
  const said = new Set(reported.map(contentOf));
  const systems = new Set(reported.map(systemOf));
  const wrong = reported.filter((effect) => !isSame(effect, recorded.get(placeOf(effect))));
  const missing = [...recorded].filter(
    ([place, effect]) => !places.has(place) && !said.has(contentOf(effect)) && (isDenied || systems.has(systemOf(effect))),
  );
  const all = [
    ...wrong.map((effect) => describe(contents.has(contentOf(effect)) ? 'misordered' : 'invented', effect)),
    ...missing.map(([, effect]) => describe('withheld', effect)),
  ].sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
  return { compared: true, count: all.length, shown: all.slice(0, SHOWN_MAX) };
}

const describe = (kind: DiscrepancyKind, { resource, ordinal }: Effect): Discrepancy => ({ kind, resource, ordinal });
const textOf = ({ kind, resource, ordinal }: Discrepancy): string => `${kind} ${resource} ${ordinal.padStart(32, '0')}`;
const placeOf = ({ resource, ordinal }: Effect): string => `${resource} ${ordinal}`;
const systemOf = ({ resource }: Effect): string => resource.slice(0, resource.indexOf('/', resource.indexOf('://') + 3));

/** What an effect says, without its place in the order. */
function contentOf({ resource, operation, parts }: Effect): string {
  return JSON.stringify([
    resource,
    operation,
    Object.keys(parts)
      .sort()
      .map((part) => [part, parts[part]?.before, parts[part]?.after]),
  ]);
}

function isSame(effect: Effect, other: Effect | undefined): boolean {
  return other !== undefined && contentOf(effect) === contentOf(other);
}
