import {
  type Alternative,
  alternativeOf,
  type Conflict,
  headsOf,
  type PlanDraft,
  type PlanInput,
  PlannerError,
  plan,
  refKey,
} from '@recant/planner';
import type { RollbackCore } from './core.ts';
import { readInput } from './read-input.ts';

/**
 * What the other modes would do with the same ledger and the same refusals of the targets; what would be too large is left out.
 * @param read what the plan was made from
 */
export async function alternativesTo(core: RollbackCore, read: PlanInput, planned: PlanDraft): Promise<readonly Alternative[]> {
  const refused = [...planned.conflicts.filter(({ askedAtMs }) => askedAtMs !== undefined), ...overwritten(planned)];
  const inputs: readonly (PlanInput | undefined)[] = [{ ...read, mode: 'skip', dependents: [] }, await withDependents(core, read)];
  const others = inputs.flatMap((input) => {
    if (input === undefined) return [];
    const whole = withoutOptions(input);
    return [plan({ ...whole, refused }), plan({ ...whole, partial: true, ...byRow(refused) })];
  });
  const isOfOthers = ({ kind }: Conflict): boolean => kind === 'drift' || kind === 'later_write';
  const forced = plan({
    ...withoutOptions(read),
    mode: 'force',
    dependents: [],
    refused: refused.filter((conflict) => !isOfOthers(conflict)),
  });
  const past = new Set([...planned.conflicts, ...refused].filter(isOfOthers).map(({ ref }) => refKey(ref)));
  return [...others, forced]
    .filter(({ mode, partial }) => mode !== planned.mode || partial !== planned.partial)
    .map((body) => alternativeOf(body, past));
}

const withoutOptions = ({
  partial: _partial,
  throughReads: _reads,
  modes: _modes,
  overrides: _overrides,
  ...whole
}: PlanInput): PlanInput => whole;

/** What a forced plan overwrites is a conflict in every other mode. */
const overwritten = ({ steps }: PlanDraft): readonly Conflict[] =>
  [...headsOf(steps)].flatMap(({ undoes, agent, tool, overwrites = [] }) =>
    overwrites.map(({ resource, part, detail }) => ({ kind: 'drift' as const, ref: undoes, agent, tool, resource, part, detail })),
  );

async function withDependents(core: RollbackCore, read: PlanInput): Promise<PlanInput | undefined> {
  if (read.mode === 'cascade') return read;
  try {
    return await readInput(core, read.tenant, read.selection, { mode: 'cascade' }, read.vector);
  } catch (error) {
    if (error instanceof PlannerError && error.code === 'plan_too_large') return undefined;
    throw error;
  }
}

/** Refusals that name a row are about that row. */
function byRow(refused: readonly Conflict[]): Pick<PlanInput, 'refused' | 'refusedRows'> {
  const rows = new Map<string, string[]>();
  for (const { ref, resource } of refused) if (resource !== undefined) rows.set(refKey(ref), [...(rows.get(refKey(ref)) ?? []), resource]);
  return {
    refused: refused.filter(({ resource }) => resource === undefined),
    refusedRows: { rows, conflicts: refused.filter(({ resource }) => resource !== undefined) },
  };
}
