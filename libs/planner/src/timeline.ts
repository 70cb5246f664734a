import type { VersionOrAbsent } from '@recant/events';
import { compareOrdinals, compareText } from './ref.ts';
import { counts, type Member } from './view.ts';

/** One write of one part, or (`depends`) an effect that needs the resource to exist. */
export interface Mark {
  readonly member: Member;
  readonly ordinal: string;
  readonly kind: 'write' | 'depends';
  readonly before: VersionOrAbsent;
  readonly after: VersionOrAbsent;
  /** The target that captures by itself recorded it. */
  readonly captured: boolean;
}

/** Marks of one part, ascending by ordinal. */
export interface Timeline {
  readonly resource: string;
  readonly part: string;
  readonly marks: readonly Mark[];
}

/** By resource, then part. */
export type Timelines = ReadonlyMap<string, ReadonlyMap<string, Timeline>>;

export const EXISTS = 'exists';

/** All timelines of these attempts, by resource, then part; in canonical order. */
export function timelinesOf(members: Iterable<Member>): Timelines {
  const marks = new Map<string, Map<string, Mark[]>>();
  const add = (resource: string, part: string, mark: Mark): void => {
    const parts = marks.get(resource) ?? new Map<string, Mark[]>();
    marks.set(resource, parts);
    const line = parts.get(part);
    if (line) line.push(mark);
    else parts.set(part, [mark]);
  };
  for (const member of members) {
    for (const effect of member.effects) {
      if (!counts(member, effect)) continue;
      const { ordinal, operation, resource } = effect;
      const captured = effect.captured === true;
      for (const [part, { before, after }] of Object.entries(effect.parts))
        add(resource, part, { member, ordinal, kind: 'write', before, after, captured });
      const exists = effect.reads?.[EXISTS];
      if (exists !== undefined && operation !== 'read' && effect.parts[EXISTS] === undefined)
        add(resource, EXISTS, { member, ordinal, kind: 'depends', before: exists, after: exists, captured });
    }
  }
  return new Map(
    [...marks]
      .sort(([a], [b]) => compareText(a, b))
      .map(([resource, parts]) => [
        resource,
        new Map(
          [...parts]
            .sort(([a], [b]) => compareText(a, b))
            .map(([part, line]) => [part, { resource, part, marks: line.sort(compareMarks) }]),
        ),
      ]),
  );
}

/** The timelines without the marks of these attempts. */
export function timelinesWithout(dropped: ReadonlySet<Member>, timelines: Timelines): Timelines {
  if (dropped.size === 0) return timelines;
  const standing = (line: Timeline): Timeline => ({ ...line, marks: line.marks.filter((mark) => !dropped.has(mark.member)) });
  return new Map([...timelines].map(([resource, parts]) => [resource, new Map([...parts].map(([part, line]) => [part, standing(line)]))]));
}

/** Index of the last write before an ordinal; -1 where there is none. */
export function lastWriteBefore(line: Timeline, ordinal: string): number {
  let low = 0;
  let high = line.marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareOrdinals((line.marks[middle] as Mark).ordinal, ordinal) < 0) low = middle + 1;
    else high = middle;
  }
  do low--;
  while (low >= 0 && (line.marks[low] as Mark).kind !== 'write');
  return low;
}

function compareMarks(a: Mark, b: Mark): number {
  return compareOrdinals(a.ordinal, b.ordinal) || compareText(a.member.key, b.member.key);
}
