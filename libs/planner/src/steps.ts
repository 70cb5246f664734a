import { parseResource } from '@recant/events';
import { isIncluded } from './ambiguous.ts';
import type { PartGuard, PlanStep, StepSystem } from './plan.ts';
import type { RecordedEffect } from './ports.ts';
import { compareOrdinals, compareText } from './ref.ts';
import type { Selection } from './selection/selection.ts';
import { compareEffects, counts, type Member, writes } from './view.ts';

/**
 * Net effects of one attempt, by system. The runner computes them again from the ledger's entries before each step, so an edited plan cannot redirect it.
 * @param known highest ordinal of each resource.
 */
export function stepSystems(effects: readonly RecordedEffect[], known: (resource: string) => string): readonly StepSystem[] {
  const systems = new Map<string, { connector: string; effects: RecordedEffect[] }>();
  for (const effect of effects.filter(writes).sort(compareEffects)) {
    const resource = parseResource(effect.resource);
    const system = resource?.system ?? '';
    const entry = systems.get(system);
    if (entry) entry.effects.push(effect);
    else systems.set(system, { connector: resource?.connector ?? '', effects: [effect] });
  }
  return [...systems]
    .sort(([a], [b]) => compareText(a, b))
    .map(([system, { connector, effects: own }]) => ({
      system,
      connector,
      effects: own.length,
      knownOrdinals: ordinalsOf(own, known),
      guards: netGuards(own),
    }));
}

/** Without a prototype: each step has other keys, and V8 keeps such an object as the table that it is, a third of the time of `{}` (2026-12). */
function ordinalsOf(effects: readonly RecordedEffect[], known: (resource: string) => string): Record<string, string> {
  const ordinals: Record<string, string> = Object.create(null);
  const resources = effects.length === 1 ? effects.map(({ resource }) => resource) : new Set(effects.map(({ resource }) => resource));
  for (const resource of [...resources].sort()) ordinals[resource] = known(resource);
  return ordinals;
}

/**
 * Whether an effect of the step's attempt is one that the step undoes: not what somebody else may have done, not what stays. Where `remains` says that
 * claims were left out, the step has what the targets captured.
 */
export function undoneBy(
  { stays = [], remains }: Pick<PlanStep, 'stays' | 'remains'>,
  selection: Selection,
): (effect: RecordedEffect) => boolean {
  const staying = new Set(stays);
  return (effect) => isIncluded(effect, selection) && !staying.has(effect.resource) && (remains === undefined || effect.captured === true);
}

/** First before and last after of each part, over effects ascending by ordinal. */
function netGuards(effects: readonly RecordedEffect[]): readonly PartGuard[] {
  const guards = new Map<string, Map<string, { before: string | null; after: string | null }>>();
  for (const effect of effects) {
    const parts = guards.get(effect.resource) ?? new Map<string, { before: string | null; after: string | null }>();
    guards.set(effect.resource, parts);
    for (const [part, { before, after }] of Object.entries(effect.parts)) {
      const net = parts.get(part);
      if (net) net.after = after;
      else parts.set(part, { before, after });
    }
  }
  return [...guards]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([resource, parts]) =>
      [...parts].sort(([a], [b]) => compareText(a, b)).map(([part, { before, after }]) => ({ resource, part, before, after })),
    );
}

/** Highest ordinal among the effects that count, by resource. */
export function knownOrdinals(members: readonly Member[]): ReadonlyMap<string, string> {
  const known = new Map<string, string>();
  for (const member of members) {
    for (const effect of member.effects) {
      if (!counts(member, effect)) continue;
      const highest = known.get(effect.resource);
      if (highest === undefined || compareOrdinals(highest, effect.ordinal) < 0) known.set(effect.resource, effect.ordinal);
    }
  }
  return known;
}
