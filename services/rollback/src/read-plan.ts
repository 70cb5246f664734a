import { ApiFault } from '@recant/api';
import { OWN_AGENT } from '@recant/events';
import {
  type Conflict,
  essenceReader,
  headsOf,
  type ItemReader,
  type Overwrite,
  type PlanCounts,
  type PlanDraft,
  type PlanHeader,
  type PlanItem,
  type PlanList,
  type PlanStepHead,
  planCounter,
  readPlan,
  refKey,
} from '@recant/planner';
import type { NewRun, StoredPlan } from '@recant/store';
import type { RollbackCore } from './core.ts';

/** Reads a stored plan once and checks its digest. @throws ApiFault `plan_digest_mismatch`: it differs from what was given, or from what was planned */
export async function readDigested(
  { store }: Pick<RollbackCore, 'store'>,
  tenant: string,
  { id, digest, header }: StoredPlan,
  given: string,
  ...readers: readonly ItemReader[]
): Promise<void> {
  if (given !== digest) throw new ApiFault('plan_digest_mismatch', `Plan ${id}: expected digest ${digest}, got ${given}.`);
  const found = await readPlan(store.plans, { tenant, id, header }, ...readers);
  if (found !== digest)
    throw new ApiFault('plan_digest_mismatch', `Plan ${id} was changed in the store: expected digest ${digest}, got ${found}. Plan again.`);
}

/** Who is selected, as far as the record of their sources and their open transactions can matter to the plan. */
export interface Selected extends Pick<PlanHeader, 'tenant' | 'selection' | 'sources'> {
  readonly agents: readonly string[];
  /** Sources of selected attempts that have not ended, or not completely. */
  readonly unfinished: ReadonlySet<string>;
}

interface SelectedReader extends ItemReader {
  addStep(step: PlanStepHead): void;
  selected(): Selected;
}

function selectedReader({ tenant, selection, sources }: PlanHeader): SelectedReader {
  const agents = new Set<string>();
  const unfinished = new Set<string>();
  const addStep = ({ agent }: PlanStepHead): void => void agents.add(agent);
  return {
    addStep,
    add(list, item) {
      if (list === 'steps') addStep(item as PlanItem<'steps'>);
      if (list !== 'left') return;
      const { agent, reason, ref } = item as PlanItem<'left'>;
      agents.add(agent);
      if (reason === 'open' || reason === 'incomplete') unfinished.add(ref.source);
    },
    selected: () => ({ tenant, selection, sources, agents: [...agents], unfinished }),
  };
}

export function selectedIn(draft: PlanDraft): Selected {
  const reader = selectedReader(draft);
  for (const item of headsOf(draft.steps)) reader.addStep(item);
  for (const item of draft.left) reader.add('left', item);
  return reader.selected();
}

/** What the start of a run has to know of its plan. Of rows it has the names. */
export interface PlanReading {
  readonly header: PlanHeader;
  readonly counts: PlanCounts;
  readonly selected: Selected;
  /** To compare with a plan that is made now. */
  readonly essence: string;
  readonly resources: NewRun['resources'];
  /** Actions of earlier runs that the steps undo. */
  readonly inverses: readonly string[];
  /** What was selected. Dependents that are undone with it were no mistake of their agents: these may do them again. */
  readonly calls: NonNullable<NewRun['fence']>['undoes'];
  /** What the targets said, by `refKey` of the attempt: it is the plan's own. */
  readonly answers: {
    readonly conflicts: readonly Conflict[];
    readonly rows: ReadonlyMap<string, readonly string[]>;
    readonly overwrites: ReadonlyMap<string, readonly Overwrite[]>;
  };
}

/** @throws ApiFault `plan_digest_mismatch` */
export async function readForStart(
  core: Pick<RollbackCore, 'store'>,
  tenant: string,
  plan: StoredPlan,
  given: string,
): Promise<PlanReading> {
  const { header } = plan;
  const [counter, selected, essence] = [planCounter(), selectedReader(header), essenceReader()];
  const resources: { step: number; resource: string }[] = [];
  const inverses: string[] = [];
  const calls: { step: number; undoes: PlanItem<'steps'>['undoes'] }[] = [];
  const conflicts: Conflict[] = [];
  const rows = new Map<string, readonly string[]>();
  const overwrites = new Map<string, readonly Overwrite[]>();
  const addStep = ({ step, undoes, agent, cascaded, systems, ...one }: PlanItem<'steps'>): void => {
    for (const { knownOrdinals } of systems) for (const resource in knownOrdinals) resources.push({ step, resource });
    if (agent === OWN_AGENT) inverses.push(undoes.action);
    else if (!cascaded) calls.push({ step, undoes });
    if (one.changed) rows.set(refKey(undoes), one.changed);
    if (one.overwrites) overwrites.set(refKey(undoes), one.overwrites);
  };
  const own: ItemReader = {
    add<L extends PlanList>(list: L, item: PlanItem<L>): void {
      if (list === 'steps') addStep(item as PlanItem<'steps'>);
      if (list === 'conflicts' && (item as Conflict).askedAtMs !== undefined) conflicts.push(item as Conflict);
    },
  };
  await readDigested(core, tenant, plan, given, counter, selected, essence, own);
  return {
    header,
    counts: counter.counts(),
    selected: selected.selected(),
    essence: essence.essence(),
    resources,
    inverses,
    calls,
    answers: { conflicts, rows, overwrites },
  };
}
