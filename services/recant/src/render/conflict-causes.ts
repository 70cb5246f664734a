import type { ConflictView } from '@recant/api';

export type Conflict = ConflictView;

/** Conflicts with one cause. */
export interface Cause {
  readonly kind: Conflict['kind'];
  /** Who wrote later; absent: nobody, or nobody that is recorded. */
  readonly by?: { readonly agent: string; readonly tool: string };
  readonly conflicts: readonly [Conflict, ...Conflict[]];
}

/** Worst first: what is lost, then what is not known, then what somebody can mend, then the work of others. */
const KINDS: readonly Conflict['kind'][] = [
  'irreversible',
  'image_missing',
  'incomplete',
  'open',
  'capture_incomplete',
  'reaches_uncaptured',
  'agent_code',
];

/** One cause of each kind first, the worst kind before the others, so that no number of harmless ones hides it; then the most frequent. */
export function causesOf(conflicts: readonly Conflict[]): readonly Cause[] {
  const groups = Map.groupBy(conflicts, ({ kind, by }) => JSON.stringify([kind, by?.agent, by?.tool]));
  const causes = [...groups.values()].map((group): Cause => {
    const [first] = group as [Conflict, ...Conflict[]];
    const by = first.by && { agent: first.by.agent, tool: first.by.tool };
    return { kind: first.kind, ...(by && { by }), conflicts: group as [Conflict, ...Conflict[]] };
  });
  causes.sort((a, b) => b.conflicts.length - a.conflicts.length);
  const heads = new Map<Conflict['kind'], Cause>();
  for (const cause of causes) if (!heads.has(cause.kind)) heads.set(cause.kind, cause);
  const rank = ({ kind }: Cause): number => (KINDS.includes(kind) ? KINDS.indexOf(kind) : KINDS.length);
  const first = [...heads.values()].sort((a, b) => rank(a) - rank(b) || b.conflicts.length - a.conflicts.length);
  return [...first, ...causes.filter((cause) => heads.get(cause.kind) !== cause)];
}
