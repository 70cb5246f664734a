import type { PlanMode } from '@recant/events';
import type { DerivedParts } from './derived.ts';
import type { Modes, Override } from './overrides.ts';
import type { Conflict, Overwrite } from './plan.ts';
import type { RecordedAttempt, RecordedEffect, Vector } from './ports.ts';
import { compareOrdinals, compareReceived, compareText, refKey } from './ref.ts';
import { isRegisteredFor } from './registered.ts';
import type { Selection } from './selection/selection.ts';

/** All input of a plan: the same input gives the same bytes. */
export interface PlanInput {
  readonly tenant: string;
  readonly mode: PlanMode;
  /** Modes of single attempts, and the conditions that they come from. */
  readonly modes?: Modes;
  readonly overrides?: readonly Override[];
  readonly selection: Selection;
  readonly vector: Vector;
  readonly selected: readonly RecordedAttempt[];
  /** At least every attempt with an effect below. */
  readonly attempts: readonly RecordedAttempt[];
  /** Effects of the selected attempts, and of all other attempts on the same resources. */
  readonly effects: readonly RecordedEffect[];
  /** Registered systems: connector by name. */
  readonly systems: ReadonlyMap<string, string>;
  /** Left out of `effects`. */
  readonly derived?: readonly DerivedParts[];
  /** What the targets refuse to undo, dated; absent: they were not asked. */
  readonly refused?: readonly Conflict[];
  /** Mode `cascade`: attempts that depend on selected ones and may be undone with them. */
  readonly dependents?: readonly RecordedAttempt[];
  /** Mode `cascade`: attempts that read what is undone depend on it, too. */
  readonly throughReads?: true;
  /** Rows in conflict stay, and the other rows of their attempt are undone. */
  readonly partial?: true;
  /** Mode `force`: later values of others that the targets let steps overwrite, by `refKey` of the attempt. */
  readonly overwrites?: ReadonlyMap<string, readonly Overwrite[]>;
  /** Rows that the targets refuse to undo, by `refKey` of the attempt, and the conflicts about them; only with `partial`. */
  readonly refusedRows?: { readonly rows: ReadonlyMap<string, readonly string[]>; readonly conflicts: readonly Conflict[] };
}

/** One attempt with its effects, ascending by ordinal. */
export interface Member {
  readonly key: string;
  readonly attempt: RecordedAttempt;
  readonly effects: readonly RecordedEffect[];
  /** Selected, or a dependent of a selected attempt (`cascaded`). */
  readonly selected: boolean;
  readonly cascaded?: true;
  /** Why effects that the agent claims are left out of `effects`; absent: none are. */
  readonly remains?: string;
  /** Resources of the attempt that are left out of `effects`, because undoing them is in conflict; absent: none are. */
  readonly stays?: readonly string[];
  /** Those of `stays` that a target refused. */
  readonly changed?: readonly string[];
}

export interface View {
  /** All attempts, in the ledger's order. */
  readonly members: readonly Member[];
  readonly byKey: ReadonlyMap<string, Member>;
}

export function viewOf(input: PlanInput): View {
  const attempts = new Map<string, RecordedAttempt>();
  for (const attempt of [...input.attempts, ...(input.dependents ?? []), ...input.selected]) attempts.set(refKey(attempt.ref), attempt);
  const selected = new Set(input.selected.map((attempt) => refKey(attempt.ref)));
  const cascaded = new Set((input.dependents ?? []).map(({ ref }) => refKey(ref)).filter((key) => !selected.has(key)));
  const effects = new Map<string, RecordedEffect[]>();
  for (const effect of input.effects) {
    const key = refKey(effect.attempt);
    const own = effects.get(key);
    if (own) own.push(effect);
    // Without an intent the key is unknown, so the effect does not count, like a claim outside a registration.
    else if (attempts.has(key)) effects.set(key, [effect]);
  }
  const members = [...attempts.entries()]
    .map(
      ([key, attempt]): Member => ({
        key,
        attempt,
        effects: (effects.get(key) ?? []).sort(compareEffects),
        selected: selected.has(key) || cascaded.has(key),
        ...(cascaded.has(key) && { cascaded: true as const }),
      }),
    )
    .sort((a, b) => compareReceived(a.attempt, b.attempt));
  return { members, byKey: new Map(members.map((member) => [member.key, member])) };
}

export function writes(effect: RecordedEffect): boolean {
  for (const _ in effect.parts) return true;
  return false;
}

/** Whether an effect counts for conflicts and steps (I13). */
export function counts(member: Member, effect: RecordedEffect): boolean {
  return isRegisteredFor(member.attempt, effect.resource);
}

export function compareEffects(a: RecordedEffect, b: RecordedEffect): number {
  return compareOrdinals(a.ordinal, b.ordinal) || compareText(a.resource, b.resource) || compareText(a.operation, b.operation);
}
