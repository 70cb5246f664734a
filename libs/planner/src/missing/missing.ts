import { createHash } from 'node:crypto';
import { canonicalize, type JsonObject, type MissingKind } from '@recant/events';

/** Something that the ledger may lack of what a plan selects, in words for a person. */
export interface Missing {
  /** Follows from what is missing: whoever accepts it accepts that much and no more. */
  readonly id: string;
  readonly kind: MissingKind;
  /** Source, system, topic, or attempt. */
  readonly subject: string;
  readonly detail: string;
  /** How to get it, instead of planning without it. */
  readonly action: string;
  /** A person plans without it. */
  readonly accepted?: true;
}

/** Hexadecimal digits of a name: nobody, not even who chooses sources and numbers, finds two things of one name. */
const NAME_DIGITS = 32;

/** @param extent how much of the subject is missing */
export function missing(kind: MissingKind, subject: string, extent: JsonObject, words: Pick<Missing, 'detail' | 'action'>): Missing {
  const digest = createHash('sha256').update(canonicalize({ kind, subject, extent }), 'utf8').digest('hex');
  return { id: `${kind.replaceAll('_', '-')}-${digest.slice(0, NAME_DIGITS)}`, kind, subject, ...words };
}

/** Marks what a person accepts by name. `unknown`: names of nothing that is missing. */
export function accept(
  found: readonly Missing[],
  names: readonly string[],
): { readonly missing: readonly Missing[]; readonly unknown: readonly string[] } {
  const accepted = new Set(names);
  const known = new Set(found.map(({ id }) => id));
  return {
    missing: found.map((one) => (accepted.has(one.id) ? { ...one, accepted: true as const } : one)),
    unknown: [...accepted].filter((name) => !known.has(name)),
  };
}
