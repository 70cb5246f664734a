import { type BrokenRule, RULES, type Rule, type WarningRule } from './rules.ts';

/** One thing to know about a sound ledger. */
export interface Warning {
  readonly rule: WarningRule;
  readonly shard: number;
  readonly index: bigint;
  readonly detail: string;
}

export interface Counts {
  readonly logs: number;
  readonly entries: number;
  readonly events: number;
  readonly deadLetters: number;
  readonly checkpoints: number;
  /** Checkpoints given from outside that were compared with the log. */
  readonly anchors: number;
}

export interface Sound {
  readonly sound: true;
  readonly counts: Counts;
  /** The first WARNINGS_MAX of each rule, by place. */
  readonly warnings: readonly Warning[];
  /** How often each rule was found, listed or not. */
  readonly warningCounts: Readonly<Partial<Record<WarningRule, number>>>;
  /** Keys whose signatures were believed. */
  readonly keys: readonly string[];
  /** Whether those keys were given from outside, or are only the word of what was verified. */
  readonly keysGiven: boolean;
  /** Anchors that nothing here could be compared with: of another ledger or tenant, or from before the first entry of this bundle. */
  readonly anchorsUnused: readonly string[];
  /** Anchors that were kept after this bundle was made, and are of more entries: they say nothing of it. */
  readonly anchorsNewer: readonly string[];
}

export interface Broken {
  readonly sound: false;
  readonly rule: Rule;
  readonly shard?: number;
  readonly index?: bigint;
  readonly detail: string;
  /** What it means, for somebody who never saw the format. */
  readonly meaning: string;
}
export type Verdict = Sound | Broken;

export function brokenVerdict({ rule, shard, index, message }: BrokenRule): Broken {
  return {
    sound: false,
    rule,
    ...(shard === undefined ? {} : { shard }),
    ...(index === undefined ? {} : { index }),
    detail: message,
    meaning: RULES[rule],
  };
}

/** Warnings of each rule that are kept to be shown. */
export const WARNINGS_MAX = 100;

/** Counts all warnings and keeps the first of each rule, whatever the order in which they are found. */
export class Warnings {
  readonly #kept = new Map<WarningRule, Warning[]>();
  readonly #counts: Partial<Record<WarningRule, number>> = {};

  add(warning: Warning): void {
    const { rule } = warning;
    this.#counts[rule] = (this.#counts[rule] ?? 0) + 1;
    const kept = this.#kept.get(rule) ?? [];
    kept.push(warning);
    this.#kept.set(rule, kept.length > 2 * WARNINGS_MAX ? first(kept) : kept);
  }

  /** @param warnings the first of each rule. @param counts of all of them */
  join(warnings: readonly Warning[], counts: Readonly<Partial<Record<WarningRule, number>>>): void {
    for (const warning of warnings) this.add(warning);
    for (const [rule, count] of Object.entries(counts) as [WarningRule, number][]) {
      const listed = warnings.filter((warning) => warning.rule === rule).length;
      this.#counts[rule] = (this.#counts[rule] ?? 0) + count - listed;
    }
  }

  list(): readonly Warning[] {
    return [...this.#kept.values()].flatMap(first).sort(byPlace);
  }

  get counts(): Readonly<Partial<Record<WarningRule, number>>> {
    return this.#counts;
  }
}

function first(warnings: readonly Warning[]): Warning[] {
  return [...warnings].sort(byPlace).slice(0, WARNINGS_MAX);
}

function byPlace(a: Warning, b: Warning): number {
  return a.shard - b.shard || (a.index < b.index ? -1 : a.index > b.index ? 1 : 0);
}
