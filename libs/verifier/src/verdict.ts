import type { BundleQuery } from './bundle/manifest.ts';
import { type BrokenRule, RULES, type Rule, type WarningRule } from './rules.ts';

/** A fault of a sender in a sound ledger. */
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
  /** Saved checkpoints that were compared with the log. */
  readonly anchors: number;
}

export interface Sound {
  readonly sound: true;
  readonly counts: Counts;
  /** The first WARNINGS_MAX of each rule, ordered by place. */
  readonly warnings: readonly Warning[];
  /** Occurrences of each rule, listed or not. */
  readonly warningCounts: Readonly<Partial<Record<WarningRule, number>>>;
  /** Of a bundle: when it was made, and what it was asked for. */
  readonly made?: string;
  readonly query?: BundleQuery;
  /** Keys whose signatures were trusted. */
  readonly keys: readonly string[];
  /** Whether the caller passed those keys; otherwise they come from the verified data and prove nothing about its author. */
  readonly keysGiven: boolean;
  /** Anchors that were not compared: of another ledger or tenant, or of fewer entries than the bundle's first index. */
  readonly anchorsUnused: readonly string[];
  /** Anchors that were not compared: saved after the bundle was made, and of more entries. */
  readonly anchorsNewer: readonly string[];
  /** In the database: the latest entries, which have no rows in the read models yet. Absent: none. */
  readonly unprojected?: number;
}

export interface Broken {
  readonly sound: false;
  readonly rule: Rule;
  readonly shard?: number;
  readonly index?: bigint;
  readonly detail: string;
  /** The meaning of the rule for a reader who does not know the format. */
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

/** Warnings listed per rule. */
export const WARNINGS_MAX = 100;

/** Counts all warnings and lists the first of each rule by place, in whatever order they are found. */
export class Warnings {
  readonly #listed = new Map<WarningRule, Warning[]>();
  readonly #counts: Partial<Record<WarningRule, number>> = {};

  add(warning: Warning): void {
    const { rule } = warning;
    this.#counts[rule] = (this.#counts[rule] ?? 0) + 1;
    const listed = this.#listed.get(rule) ?? [];
    listed.push(warning);
    this.#listed.set(rule, listed.length > 2 * WARNINGS_MAX ? first(listed) : listed);
  }

  /** Adds the result of another check. @param warnings the first of each rule. @param counts of all warnings */
  join(warnings: readonly Warning[], counts: Readonly<Partial<Record<WarningRule, number>>>): void {
    for (const warning of warnings) this.add(warning);
    for (const [rule, count] of Object.entries(counts) as [WarningRule, number][]) {
      const listed = warnings.filter((warning) => warning.rule === rule).length;
      this.#counts[rule] = (this.#counts[rule] ?? 0) + count - listed;
    }
  }

  list(): readonly Warning[] {
    return [...this.#listed.values()].flatMap(first).sort(byPlace);
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
