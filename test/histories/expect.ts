/**
 * What an undo has to come to, in both modes: what the record of each selected attempt says (rules below), what depends on what (`dependents.ts`), and what the
 * target allows (`oracle.ts`). Imports no product code.
 *
 * 1. The target's own record of an attempt counts, whatever its agent says. Only its end is the agent's word: an attempt that may still have effects is `open`,
 *    and a conflict. So is one without an end, or with a count that does not fit, unless the target recorded it. Of two
 *    ends under one id the first counts.
 * 2. Nothing to undo is no conflict. What was only counted (a table without a key, or left out at connect) is `effects_unknown`.
 * 3. `fully_restored`: everything is undone, and nobody's word is missing. Else `restored_unverified`, `partly_restored` or `not_restored`.
 * 4. In mode `refuse` a conflict, or an open transaction of a selected login that nobody planned without, stops the undo before its first write.
 * 5. In mode `cascade` others that depend on what is selected are undone with it, if their record allows it and something selected needs that. In mode `force`
 *    nothing that stays is in the way but what the target does not overwrite; what is overwritten makes the end `restored_unverified`.
 */

import { dependentsOf, type Needs, neededBy, needsOf, undoable } from './dependents.ts';
import { loginOf, type Mode, type Says } from './elements.ts';
import { isHeld, isInPlace, NOT_UNIQUE, type Overwrites, type StepEnd, undoStep, type World, worldOf } from './oracle.ts';
import { isRestorable, partsOf } from './parts.ts';
import type { History } from './play.ts';
import { tableOf } from './schema.ts';

export type Outcome = 'restored' | 'already_undone' | 'conflict' | 'no_effect' | 'effects_unknown' | 'stays';
export interface ExpectedEnd {
  readonly outcome: Outcome;
  readonly because: readonly string[];
}
export interface Expected {
  /** Every selected attempt that is recorded; in mode `cascade` those that are undone with them, too. */
  readonly attempts: ReadonlyMap<string, ExpectedEnd>;
  /** Steps in their order. */
  readonly order: readonly string[];
  /** Attempts about which something is not known. */
  readonly doubtful: ReadonlySet<string>;
  readonly isOpen: boolean;
  readonly mode: Mode;
  /** Mode `force`: what the plan says that each step overwrites. */
  readonly overwrites: ReadonlyMap<string, Overwrites>;
}

/** What is known of one attempt. */
export interface Facts {
  readonly agent: number | undefined;
  readonly login: string;
  readonly isRecorded: boolean;
  readonly hasEffects: boolean;
  /** The attempt ended, as far as the agent said so. `stays`: a person says that it did something, which nobody recorded. */
  readonly end: 'ended' | 'open' | 'unclear' | 'stays';
  /** The target recorded transactions of it. */
  readonly isWitnessed: boolean;
  readonly isCounted: boolean;
}

const UNCLEAR: ReadonlySet<Says> = new Set<Says>(['nothing', 'miscounted', 'no end', 'revoked']);

export function factsOf({ script, committed, waiting }: History): ReadonlyMap<string, Facts> {
  const facts = new Map<string, Facts>();
  const effectsOf = (attempt: string) => committed.filter((one) => one.attempt === attempt).flatMap(({ effects }) => effects);
  const names = new Set([...script.says.keys(), ...[...committed, ...waiting].flatMap(({ attempt }) => attempt ?? [])]);
  for (const attempt of names) {
    const written = effectsOf(attempt);
    const captured = written.filter(({ table }) => tableOf(table).captured);
    const says = script.says.get(attempt);
    const [agent] = says === undefined ? [] : attempt.split('/').map(Number);
    const transaction = script.transactions[Number(attempt.split('/')[1])];
    const waits = script.transactions.some(
      ({ actor, end }) => actor.is === 'agent' && `${actor.agent}/${actor.attempt}` === attempt && (end === 'open' || end === 'prepare'),
    );
    facts.set(attempt, {
      agent,
      login:
        agent !== undefined
          ? `agent${loginOf(agent)}`
          : transaction?.actor.is === 'agent'
            ? `agent${loginOf(transaction.actor.agent)}`
            : 'role',
      isRecorded: written.length > 0 || (says !== undefined && says !== 'nothing'),
      hasEffects: captured.some((effect) => isRestorable(effect) && partsOf(effect).length > 0),
      end: endOf(says, waits),
      isWitnessed: written.length > 0,
      isCounted: written.some(({ table }) => !tableOf(table).captured || tableOf(table).key.length === 0),
    });
  }
  return facts;
}

function endOf(says: Says | undefined, waits: boolean): Facts['end'] {
  if (says === undefined) return 'ended';
  if (says === 'no end' || says === 'revoked' || says === 'nothing') return 'unclear';
  if (says === 'no end yet' || waits) return 'open';
  return UNCLEAR.has(says) ? 'unclear' : 'ended';
}

export function selectedIn(history: History, facts: ReadonlyMap<string, Facts>): ReadonlySet<string> {
  const { selection } = history.script;
  const recorded = [...facts].filter(([, { isRecorded }]) => isRecorded);
  const isIn = (attempt: string, { agent, login }: Facts): boolean => {
    if (selection.by === 'everything') return true;
    if (selection.by === 'attempts') return selection.attempts.includes(attempt);
    if (selection.by === 'logins') return agent === undefined && selection.logins.includes(login);
    return agent !== undefined && selection.agents.includes(agent) && history.script.says.get(attempt) !== 'nothing';
  };
  return new Set(recorded.filter(([attempt, fact]) => isIn(attempt, fact)).map(([attempt]) => attempt));
}

/**
 * @param isTogether unique values that later steps give up are free before they are taken (rule 9)
 */
export function expect(history: History, isTogether = false, mode: Mode = 'skip', facts = factsOf(history)): Expected {
  const attempts = new Map<string, ExpectedEnd>();
  const candidates = new Set<string>();
  const selected = selectedIn(history, facts);
  for (const attempt of selected) {
    const end = byRecord(facts.get(attempt) as Facts);
    if (end === undefined) candidates.add(attempt);
    else attempts.set(attempt, end);
  }
  const isFree = (attempt: string) => byRecord(facts.get(attempt) as Facts) === undefined;
  const others = mode === 'cascade' ? dependentsOf(worldOf(history, false), candidates, isFree) : new Set<string>();
  const { order, overwrites } = greatest(history, { selected: candidates, others, attempts, isTogether, mode });
  const doubtful = new Set([...attempts.keys()].filter((attempt) => isDoubtful(facts.get(attempt) as Facts) || overwrites.has(attempt)));
  return { attempts, order, doubtful, isOpen: isOpen(history, selected, facts), mode, overwrites };
}

const isDoubtful = ({ end, isCounted }: Facts): boolean => end === 'unclear' || isCounted;

function byRecord({ end, isWitnessed, hasEffects, isCounted }: Facts): ExpectedEnd | undefined {
  if (end === 'open') return { outcome: 'conflict', because: ['it has not ended'] };
  if (end === 'unclear' && !isWitnessed) return { outcome: 'conflict', because: ['nobody knows how it ended'] };
  if (hasEffects) return undefined;
  if (end === 'stays') return { outcome: 'stays', because: [] };
  return { outcome: isCounted || end === 'unclear' ? 'effects_unknown' : 'no_effect', because: [] };
}

interface Undoing {
  readonly selected: Set<string>;
  /** Dependents of the selected attempts. */
  readonly others: ReadonlySet<string>;
  /** Added to. */
  readonly attempts: Map<string, ExpectedEnd>;
  readonly isTogether: boolean;
  readonly mode: Mode;
}

/** What the target refuses stays, and what needs it: again, until nothing changes. */
function greatest(history: History, { selected, others, attempts, isTogether, mode }: Undoing): Pick<Expected, 'order' | 'overwrites'> {
  const candidates = new Set([...selected, ...others]);
  const isForced = mode === 'force';
  const seen = isForced ? 'any' : undefined;
  for (;;) {
    const world = worldOf(history, false);
    if (![...candidates].some((attempt) => isHeld(world, attempt))) world.held.clear();
    const needs = needsOf(world, candidates);
    const steps = neededBy(needs, undoable(world, candidates, isForced), selected);
    const ends = new Map(steps.map((attempt): [string, StepEnd] => [attempt, undoStep(world, attempt, false, seen)]));
    for (const [attempt, end] of isTogether ? [...ends] : []) {
      if (!isUnique(end)) continue;
      ends.delete(attempt);
      ends.set(attempt, undoStep(world, attempt, false, seen));
    }
    const order = [...ends.keys()];
    const refused = [...ends].filter(([, { outcome }]) => outcome === 'conflicted');
    for (const [attempt, { because }] of refused) {
      if (selected.has(attempt)) attempts.set(attempt, { outcome: 'conflict', because });
      candidates.delete(attempt);
    }
    if (refused.length > 0) continue;
    for (const attempt of selected)
      if (candidates.has(attempt) && !order.includes(attempt))
        attempts.set(attempt, { outcome: 'conflict', because: whyNot(needs.get(attempt)) });
    for (const [attempt, { outcome }] of ends) attempts.set(attempt, { outcome: outcome as Outcome, because: [] });
    return { order, overwrites: new Map([...ends].flatMap(([attempt, { overwrites }]) => (overwrites ? [[attempt, overwrites]] : []))) };
  }
}

const isUnique = ({ outcome, because }: StepEnd): boolean =>
  outcome === 'conflicted' && because.every((reason) => reason.endsWith(NOT_UNIQUE));

const whyNot = (needs: Needs | undefined): string[] =>
  [...(needs?.blocking ?? [])].map((other) => `${other}, which stays, wrote the same parts later`).concat('something it needs stays');

/**
 * A login of the selection has a transaction open that changed something. A prepared one counts whatever it did: nobody but its login can tell. Selected actions
 * stand for themselves.
 */
function isOpen({ script, waiting }: History, selected: ReadonlySet<string>, facts: ReadonlyMap<string, Facts>): boolean {
  const { selection } = script;
  if (selection.by === 'attempts') return false;
  const logins = new Set([...selected].map((attempt) => facts.get(attempt)?.login));
  if (selection.by === 'logins') for (const login of selection.logins) logins.add(login);
  return waiting.some(({ attempt, effects, transaction }) => {
    const login = attempt === undefined ? undefined : facts.get(attempt)?.login;
    const counts = script.transactions[transaction]?.end === 'prepare' || effects.some(({ table }) => tableOf(table).captured);
    return login !== undefined && counts && (selection.by === 'everything' || logins.has(login));
  });
}

/**
 * The run: transactions that were open at the plan have committed by now.
 * @param isRestored what the product says. A step after one that was refused need not be tried, but may be undone where nothing else is in its way.
 */
export function runSteps(
  history: History,
  { order, overwrites }: Pick<Expected, 'order' | 'overwrites'>,
  isRestored: (attempt: string) => boolean = () => false,
): { readonly ends: ReadonlyMap<string, StepEnd>; readonly world: World } {
  const world = worldOf(history, true);
  const needs = needsOf(world, new Set(order));
  const ends = new Map<string, StepEnd>();
  for (const attempt of order) {
    const failed = [...(needs.get(attempt)?.first ?? [])].some((other) => ends.get(other)?.outcome === 'conflicted');
    const isTried = !failed || (isRestored(attempt) && !isInPlace(world, attempt));
    ends.set(attempt, !isTried ? withoutNeeds(world, attempt) : undoStep(world, attempt, false, overwrites.get(attempt)));
  }
  return { ends, world };
}

/** What it needs was not undone: nothing may be written, but nothing may be left to write either. */
function withoutNeeds(world: World, attempt: string): StepEnd {
  if (isInPlace(world, attempt)) return { outcome: 'already_undone', because: [] };
  return { outcome: 'conflicted', because: ['what it needs was not undone'] };
}
