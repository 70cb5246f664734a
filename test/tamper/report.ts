import { CASES, type Outcome } from './campaign.ts';

/** A table of kinds: what each was called, by size. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const rows = new Map<string, Set<string>>();
  for (const { kind, way, rule } of outcomes) {
    const row = `${kind} | ${way}`;
    rows.set(row, (rows.get(row) ?? new Set()).add(rule));
  }
  return [...rows].map(([row, rules]) => `${row} | ${[...rules].join(', ')}`).join('\n');
}

/** Kinds for which no bundle of a size had room are named, not forgotten. */
export function unmet(outcomes: readonly Outcome[]): string[] {
  const met = new Set(outcomes.map(({ kind, way }) => `${kind} | ${way}`));
  return CASES.map(({ kind, way }) => `${kind} | ${way}`).filter((row) => !met.has(row));
}
