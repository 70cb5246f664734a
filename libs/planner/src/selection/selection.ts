/**
 * What to undo, in normal form. Fields are and-ed; several values of one field are or-ed. At least one field. One grammar in API, CLI and console: the
 * fields are what the ledger looks up by an index, `where` is the rest.
 */
export type Selection = {
  readonly agents?: readonly string[];
  readonly sessions?: readonly string[];
  readonly traces?: readonly string[];
  readonly tools?: readonly string[];
  /** Resource URIs, exact or ending in `*`. */
  readonly resources?: readonly string[];
  readonly outcomes?: readonly string[];
  /** Action ids. */
  readonly actions?: readonly string[];
  /** Runs whose inverses are to be undone (a rollback of a rollback). */
  readonly runs?: readonly string[];
  /** Half-open window `[fromMs, toMs)` in milliseconds since 1970, UTC. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Which clock the window is about: the ledger's (default) or the producer's claim. */
  readonly clock?: 'received' | 'claimed';
  /** A condition as `printCondition` writes it, evaluated attempt by attempt. */
  readonly where?: string;
  /** Ambiguous changes of the selected attempts that are undone too: resource URIs, exact or ending in `*`. No filter: others are left and listed. */
  readonly ambiguous?: readonly string[];
};

/** Whether the ledger can look resources up by this pattern. */
export function isIndexedPattern(pattern: string): boolean {
  return /^[a-z][a-z0-9-]*:\/\/[^*]*\*?$/.test(pattern);
}
