/** What lies between the selected attempts of a history and their undo: the rows of the table. Imports no product code. */
import { needsOf } from '../histories/dependents.ts';
import type { Says } from '../histories/elements.ts';
import { type Facts, selectedIn } from '../histories/expect.ts';
import { NOT_UNIQUE, worldOf } from '../histories/oracle.ts';
import { isWhole, partsOf } from '../histories/parts.ts';
import type { History, Ordered } from '../histories/play.ts';
import { tableOf } from '../histories/schema.ts';
import type { Twist } from './twist.ts';

/** A selected attempt has such an edge, or is of that kind. */
export const EDGES = [
  'no edge',
  'later write of an agent',
  'later write of a selected attempt',
  'later write of a person',
  'equal later write',
  'later change of a row that was made',
  'later removal of the row',
  'rename (change of a key)',
  'container that is removed or renamed',
  'reference that an undo would break',
  'unique value that somebody took',
  'two attempts that need each other',
  'write between plan and run',
  'open attempt',
  'unknown outcome',
  'contested outcome',
  'outcome settled by a person',
  'forged report',
  'withheld report',
  'attempt without a name',
  'late events',
  'clock skew of hours',
  'killed worker',
] as const;
export type EdgeKind = (typeof EDGES)[number];

export interface Observed {
  readonly history: History;
  readonly twist: Twist;
  readonly facts: ReadonlyMap<string, Facts>;
  /** A person wrote between plan and run. */
  readonly wasLate: boolean;
  /** The worker was killed in the run. */
  readonly wasKilled: boolean;
  /** Reasons of the oracle. */
  readonly because: readonly string[];
}

interface Written {
  readonly attempt: string | undefined;
  readonly effect: Ordered;
}

export function edgesIn({ history, twist, facts, wasLate, wasKilled, because }: Observed): readonly EdgeKind[] {
  const selected = selectedIn(history, facts);
  const { writes } = worldOf(history, false);
  const found = new Set<EdgeKind>();
  for (const own of writes)
    if (own.attempt !== undefined && selected.has(own.attempt)) for (const edge of edgesOf(own, writes, selected)) found.add(edge);
  const saysOne = (...words: readonly Says[]) =>
    [...selected].some((attempt) => words.includes(history.script.says.get(attempt) ?? 'truth'));
  const isRuled = (contested: boolean) =>
    [...selected].some((attempt) => twist.words.has(attempt) && (twist.words.get(attempt)?.then !== undefined) === contested);
  const needs = needsOf({ writes }, selected);
  const happened: readonly (readonly [EdgeKind, boolean])[] = [
    [
      'two attempts that need each other',
      [...needs].some(([attempt, { first }]) => [...first].some((other) => needs.get(other)?.first.has(attempt))),
    ],
    ['reference that an undo would break', because.some((reason) => reason.endsWith('would reference nothing'))],
    ['unique value that somebody took', because.some((reason) => reason.endsWith(NOT_UNIQUE))],
    ['open attempt', [...selected].some((attempt) => facts.get(attempt)?.end === 'open')],
    ['write between plan and run', wasLate],
    ['killed worker', wasKilled],
    ['unknown outcome', [...selected].some((attempt) => facts.get(attempt)?.end === 'unclear' && !twist.words.has(attempt))],
    ['contested outcome', isRuled(true)],
    ['outcome settled by a person', isRuled(false)],
    ['forged report', saysOne('invented', 'both')],
    ['withheld report', saysOne('nothing', 'miscounted')],
    ['attempt without a name', [...selected].some((attempt) => attempt.startsWith('login/'))],
    ['late events', twist.order !== undefined],
    ['clock skew of hours', twist.skewMs.some((ms) => ms !== 0)],
  ];
  for (const [edge, is] of happened) if (is) found.add(edge);
  return found.size > 0 ? [...found] : ['no edge'];
}

function edgesOf({ attempt, effect }: Written, writes: readonly Written[], selected: ReadonlySet<string>): readonly EdgeKind[] {
  const parts = new Set(partsOf(effect));
  const later = writes.filter(({ attempt: other, effect: { row, at } }) => row === effect.row && at > effect.at && other !== attempt);
  const touching = later.filter(({ effect: one }) => isWhole(one) || partsOf(one).some((part) => parts.has(part)));
  const by = (is: (other: string | undefined) => boolean) => touching.some(({ attempt: other }) => is(other));
  const happened: readonly (readonly [EdgeKind, boolean])[] = [
    ['later write of an agent', by((other) => other !== undefined && !selected.has(other))],
    ['later write of a selected attempt', by((other) => other !== undefined && selected.has(other))],
    ['later write of a person', by((other) => other === undefined)],
    ['equal later write', touching.some(({ effect: one }) => isEqual(one))],
    ['later change of a row that was made', effect.before === undefined && later.some(({ effect: one }) => !isWhole(one))],
    ['later removal of the row', later.some(({ effect: one }) => one.after === undefined)],
    ['rename (change of a key)', effect.moved === true],
    [
      'container that is removed or renamed',
      effect.after === undefined && writes.some(({ effect: one }) => one.at === effect.at && refersTo(one, effect)),
    ],
  ];
  return happened.flatMap(([edge, is]) => (is ? [edge] : []));
}

const isEqual = ({ before, after }: Ordered): boolean =>
  before !== undefined && after !== undefined && [...before].every(([column, value]) => after.get(column) === value);

const refersTo = (one: Ordered, container: Ordered): boolean =>
  tableOf(one.table).columns.some(({ references }) => references?.table === container.table);
