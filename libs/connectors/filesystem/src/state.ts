import { createHmac } from 'node:crypto';
import type { VersionOrAbsent } from '@recant/events';

/** State of an existing path. Short keys, because the journal stores two states per effect. */
export type Present =
  | {
      readonly t: 'file';
      /** Lower-case hex SHA-256 of the content; absent where only mode and type were read. */
      readonly c?: string;
      readonly m: number;
      /** Modification time, microseconds since 1970; restored, not compared (not a part). */
      readonly u: number;
      /** Owner and group; restored where permitted, never compared. */
      readonly g: readonly [number, number];
    }
  | { readonly t: 'dir'; readonly m: number; readonly u: number; readonly g: readonly [number, number] }
  | { readonly t: 'link' /** Target, as written in the link. */; readonly l: string };
export type State = Present | null;

/** e: `exists`, c: `content`, m: `mode`. */
export type Letter = 'e' | 'c' | 'm';
export const PART_OF: Readonly<Record<Letter, string>> = { e: 'exists', c: 'content', m: 'mode' };
export const LETTERS: readonly Letter[] = ['e', 'c', 'm'];

export function letterOf(part: string): Letter | undefined {
  return LETTERS.find((letter) => PART_OF[letter] === part);
}

/** Canonical image of one part: what its version is a digest of. `null` is absent. */
export function imageOf(state: State, letter: Letter): string | null {
  if (state === null) return null;
  if (letter === 'e') return state.t === 'link' ? `exists link ${state.l}` : `exists ${state.t}`;
  if (letter === 'c') return state.t === 'file' ? `content ${state.c ?? '?'}` : null;
  return state.t === 'link' ? null : `mode ${state.m.toString(8)}`;
}

export function samePart(one: State, other: State, letter: Letter): boolean {
  return imageOf(one, letter) === imageOf(other, letter);
}
export function sameState(one: State, other: State): boolean {
  return LETTERS.every((letter) => samePart(one, other, letter));
}

/** Letters of the parts that a change between two states writes: all parts where an item is created, removed or changes its type. */
export function lettersBetween(before: State, after: State): readonly Letter[] {
  const differing = LETTERS.filter((letter) => !samePart(before, after, letter));
  return differing.includes('e')
    ? LETTERS.filter((letter) => imageOf(before, letter) !== null || imageOf(after, letter) !== null)
    : differing;
}

export type VersionOf = (state: State, letter: Letter) => VersionOrAbsent;

/** Versions under a system's key: equal states compare equal, small contents cannot be guessed. */
export function createVersions(key: Uint8Array): VersionOf {
  return (state, letter) => {
    const image = imageOf(state, letter);
    if (image === null) return null;
    return `v1.${createHmac('sha256', key).update(image).digest().subarray(0, 16).toString('base64url')}`;
  };
}
