import type { RecordedEffect } from './ports.ts';

/** Parts of the resources that start with `scope`, which their system computes itself: neither compared nor restored, also where they were recorded. */
export interface DerivedParts {
  readonly scope: string;
  readonly parts: readonly string[];
}

/** The effects without these parts; one that is left without any writes nothing. */
export function withoutDerived(effects: readonly RecordedEffect[], derived: readonly DerivedParts[]): readonly RecordedEffect[] {
  if (derived.length === 0) return effects;
  return effects.map((effect) => {
    const skipped = derived.filter(({ scope }) => effect.resource.startsWith(scope)).flatMap(({ parts }) => parts);
    if (!skipped.some((part) => Object.hasOwn(effect.parts, part))) return effect;
    return { ...effect, parts: Object.fromEntries(Object.entries(effect.parts).filter(([part]) => !skipped.includes(part))) };
  });
}

/** Those that any of these effects has. */
export function derivedIn(effects: readonly RecordedEffect[], derived: readonly DerivedParts[]): readonly DerivedParts[] {
  return derived.flatMap(({ scope, parts }) => {
    const own = effects.filter(({ resource }) => resource.startsWith(scope));
    const found = parts.filter((part) => own.some((effect) => Object.hasOwn(effect.parts, part)));
    return found.length === 0 ? [] : [{ scope, parts: [...found].sort() }];
  });
}
