import { type Alternative, alternativeOf, type Conflict, type PlanBody, type PlanInput, PlannerError, plan, refKey } from '@recant/planner';
import type { RollbackCore } from './core.ts';
import { readInput } from './read-input.ts';

/**
 * What the other modes would do with the same ledger and the same refusals of the targets; what would be too large is left out.
 * @param read what the plan was made from
 */
export async function alternativesTo(core: RollbackCore, read: PlanInput, planned: PlanBody): Promise<readonly Alternative[]> {
  const refused = planned.conflicts.filter(({ askedAtMs }) => askedAtMs !== undefined);
  const inputs: readonly (PlanInput | undefined)[] = [{ ...read, mode: 'skip', dependents: [] }, await withDependents(core, read)];
  return inputs.flatMap((input) => {
    if (input === undefined) return [];
    const { partial: _partial, throughReads: _reads, ...whole } = input;
    const each = [plan({ ...whole, refused }), plan({ ...whole, partial: true, ...byRow(refused) })];
    return each.filter(({ mode, partial }) => mode !== planned.mode || partial !== planned.partial).map(alternativeOf);
  });
}

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
