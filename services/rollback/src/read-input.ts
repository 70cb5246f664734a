import { derivedIn, gather, type PlanInput, type Selection, withoutDerived } from '@recant/planner';
import { derivedInTargets } from './ask-open.ts';
import type { RollbackCore } from './core.ts';

/** What a plan is made from, as the ledger has it. @param at log sizes; default: those of now */
export async function readInput(
  core: RollbackCore,
  tenant: string,
  selection: Selection,
  { mode, partial, throughReads, overrides }: Pick<PlanInput, 'mode' | 'partial' | 'throughReads' | 'overrides'>,
  at?: PlanInput['vector'],
): Promise<PlanInput> {
  const { ledgerReader, systems } = core.store;
  const registered = new Map((await systems.list(tenant)).map(({ name, connector }) => [name, connector]));
  const vector = at ?? (await ledgerReader.vector(tenant));
  const input = await gather(ledgerReader, {
    tenant,
    mode,
    selection,
    vector,
    systems: registered,
    ...(partial && { partial }),
    ...(throughReads && { throughReads }),
    ...(overrides && { overrides: overrides.map(({ mode: own, where }) => ({ mode: own, where })) }),
  });
  const derived = derivedIn(input.effects, await derivedInTargets(core, tenant));
  return { ...input, effects: withoutDerived(input.effects, derived), derived };
}
