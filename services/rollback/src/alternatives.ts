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
  stoppingIn,
} from '@recant/planner';
import { planWithTargets } from './ask-targets.ts';
import type { RollbackCore } from './core.ts';
import { readInput } from './read-input.ts';

/** Rows and files of a selection above which the systems are not asked about the other modes, and milliseconds after which they are asked about no further one. */
const ASKED_ROWS_MAX = 10_000;
const ASKED_MS_MAX = 5_000;

/** What the other modes would do with the same ledger. */
export interface OtherModes {
  readonly alternatives: readonly Alternative[];
  /** Their plans, where the systems were asked. */
  readonly asked: readonly PlanDraft[];
}

/** What would be too large is left out. @param read what the plan was made from */
export async function otherModes(core: RollbackCore, read: PlanInput, planned: PlanDraft): Promise<OtherModes> {
  const refused = [...planned.conflicts.filter(({ askedAtMs }) => askedAtMs !== undefined), ...overwritten(planned)];
  const past = new Set([...planned.conflicts, ...refused].filter(isOfOthers).map(({ ref }) => refKey(ref)));
  const ask = asker(core, read, planned);
  const asked: PlanDraft[] = [];
  const alternatives: Alternative[] = [];
  for (const input of await otherInputs(core, read)) {
    if (input.mode === planned.mode && input.partial === planned.partial) continue;
    const same = [...(isPlain(planned) ? [planned] : []), ...asked].find((body) => isSame(body, input));
    const { mode, partial } = input;
    const body = same ? { ...same, mode, ...(partial && { partial }) } : await ask(input);
    if (body) asked.push(body);
    alternatives.push(body ? alternativeOf(body) : alternativeOf(plan({ ...input, ...estimated(input, refused) }), past));
  }
  return { alternatives, asked };
}

/** The systems were asked to the end, and no attempt has a mode of its own. */
const isPlain = ({ mode, overrides, throughReads }: PlanDraft): boolean =>
  mode !== 'refuse' && overrides === undefined && throughReads === undefined;

/**
 * A plan in mode `refuse` that has conflicts names all that are known: those of the mode that undoes the most, and what mode `skip` would do. It does nothing, and is never
 * compared with a later one.
 * @param others of that plan
 */
export function withAllConflicts(planned: PlanDraft, { asked }: OtherModes): PlanDraft {
  if (planned.mode !== 'refuse' || stoppingIn(planned).length === 0) return planned;
  const skip = planned.overrides === undefined ? asked.find(({ mode, partial }) => mode === 'skip' && !partial) : undefined;
  const { steps, left, tainted, totals } = skip ?? planned;
  const conflicts = new Map<string, Conflict>();
  const ofRows = asked.filter(({ mode, partial }) => mode === 'skip' && partial).flatMap((body) => body.conflicts);
  const more = [
    ...(skip?.conflicts ?? []).filter(({ kind }) => kind !== 'open'),
    ...ofRows.filter(({ askedAtMs }) => askedAtMs !== undefined),
  ];
  for (const conflict of [...planned.conflicts, ...more]) {
    const { kind, ref, resource, part } = conflict;
    const key = JSON.stringify([kind, refKey(ref), resource, part]);
    if (!conflicts.has(key)) conflicts.set(key, conflict);
  }
  return { ...planned, steps, left, tainted, totals, conflicts: [...conflicts.values()] };
}

const isOfOthers = ({ kind }: Conflict): boolean => kind === 'drift' || kind === 'later_write';

/** In the order in which they are shown. Cascade without any dependent is skip. */
async function otherInputs(core: RollbackCore, read: PlanInput): Promise<readonly PlanInput[]> {
  const whole = withoutOptions({ ...read, dependents: [] });
  const cascade = await withDependents(core, read);
  const byRow = (input: PlanInput): readonly PlanInput[] => [input, { ...input, partial: true }];
  return [
    ...byRow({ ...whole, mode: 'skip' }),
    ...(cascade === undefined ? [] : byRow(withoutOptions(cascade))),
    { ...whole, mode: 'force' },
  ];
}

/** Rows that stay change nothing where there is no conflict, and mode `cascade` nothing where nobody depends. */
function isSame(body: PlanDraft, { mode, partial, dependents = [] }: PlanInput): boolean {
  if (body.mode === 'skip' && mode === 'cascade' && dependents.length === 0) return body.partial === partial;
  return body.mode === mode && partial === true && body.conflicts.length === 0;
}

/** Asks the systems; undefined where that would take too long. */
function asker(core: RollbackCore, read: PlanInput, planned: PlanDraft): (input: PlanInput) => Promise<PlanDraft | undefined> {
  const endMs = core.clock.now() + ASKED_MS_MAX;
  let isSilent = rowsOf(read) > ASKED_ROWS_MAX || isAway(planned);
  return async (input) => {
    if (isSilent || core.clock.now() >= endMs) return undefined;
    const body = await planWithTargets(core, input);
    isSilent = isAway(body);
    return body;
  };
}

/** A system that does not answer is not asked again and again. */
const isAway = ({ conflicts }: PlanDraft): boolean => conflicts.some(({ kind }) => kind === 'unreachable' || kind === 'unreadable');

function rowsOf({ selected, effects }: PlanInput): number {
  const keys = new Set(selected.map(({ ref }) => refKey(ref)));
  const rows = new Set<string>();
  for (const { attempt, resource } of effects) {
    if (rows.size > ASKED_ROWS_MAX) break;
    if (keys.has(refKey(attempt))) rows.add(resource);
  }
  return rows.size;
}

/** What the systems said of the plan itself is all that is known of them. */
function estimated({ mode, partial }: PlanInput, refused: readonly Conflict[]): Pick<PlanInput, 'refused' | 'refusedRows'> {
  if (mode === 'force') return { refused: refused.filter((conflict) => !isOfOthers(conflict)) };
  return partial ? byRow(refused) : { refused };
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
