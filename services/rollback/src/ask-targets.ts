import type { FindingCode } from '@recant/connector';
import type { ConflictKind } from '@recant/events';
import {
  type Conflict,
  modeFor,
  type Overwrite,
  obstaclesOf,
  type PlanDraft,
  type PlanInput,
  plainRef,
  plan,
  type RecordedAttempt,
  refKey,
  undoneBy,
} from '@recant/planner';
import { type AskedStep, type Refusal, type RunFindingCode, type RunnerPorts, rehearseSteps, type StepFinding } from '@recant/runner';

/** Unless the mode is `refuse`, a dropped step changes what the targets say about others, so they are asked again. A run meets what is left after these rounds. */
const ROUNDS_MAX = 8;
/** Conflicts listed for one attempt; the last one counts the rest. */
const CONFLICTS_MAX = 10;

/** Findings about rows that may stay while the other rows of their attempt are undone. */
const OF_ROWS: ReadonlySet<string> = new Set<FindingCode>(['drift', 'later_write', 'image_missing', 'erased']);

/**
 * The plan over the ledger and the targets: a step that a target would refuse now is a conflict, dated; with `partial`, so are rows of it. In mode `force` the
 * targets say which later values of others a step would overwrite.
 */
export async function planWithTargets(core: Pick<RunnerPorts, 'targets' | 'clock'>, input: PlanInput): Promise<PlanDraft> {
  const effects = Map.groupBy(input.effects, ({ attempt }) => refKey(attempt));
  const refused: Conflict[] = [];
  const rows = new Map<string, readonly string[]>();
  const conflicts: Conflict[] = [];
  let known: ReadonlyMap<string, RecordedAttempt> | undefined;
  const writers = (): ReadonlyMap<string, RecordedAttempt> => (known ??= writersOf(input));
  let overwrites = new Map<string, readonly Overwrite[]>();
  for (let round = 1; ; round += 1) {
    const again = { ...input, refused, ...(rows.size > 0 && { refusedRows: { rows, conflicts } }) };
    const body = plan({ ...again, overwrites });
    if (round > ROUNDS_MAX || (input.mode === 'refuse' && round > 1 && obstaclesOf(body) > 0)) return body;
    const asked = [...askedSteps(body, input)];
    const before = overwrites;
    overwrites = new Map();
    const refusals = await rehearseSteps(
      core.targets,
      input.tenant,
      asked,
      (step) => (effects.get(refKey(step.undoes)) ?? []).filter(undoneBy(step, input.selection)),
      ({ undoes }, findings) => {
        const found = findings.flatMap((finding) => overwriteOf(finding, writers()) ?? []);
        const key = refKey(undoes);
        if (found.length > 0) overwrites.set(key, [...(overwrites.get(key) ?? []), ...found]);
      },
    );
    if (refusals.length === 0) return before.size + overwrites.size === 0 ? body : plan({ ...again, overwrites });
    for (const refusal of refusals) {
      const found = conflictsOf(refusal, core.clock.now());
      const some = input.partial && round < ROUNDS_MAX ? rowsOf(refusal) : [];
      const key = refKey(refusal.step.undoes);
      if (some.length === 0) refused.push(...found);
      else {
        rows.set(key, [...(rows.get(key) ?? []), ...some]);
        conflicts.push(...found);
      }
    }
  }
}

/** The steps as far as targets are asked about them: these get the effects themselves, and no guards. */
function* askedSteps({ steps }: PlanDraft, input: PlanInput): Generator<AskedStep> {
  for (const { systems, ...step } of steps) {
    const isForced = modeFor(input, step.undoes) === 'force' && !step.cascaded;
    yield { ...step, ...(isForced && { overwrites: 'any' }), systems: systems.map((system) => ({ ...system, guards: [] })) };
  }
}

/** Recorded attempts by what they wrote: ordinal and resource. */
function writersOf({ effects, attempts, selected }: PlanInput): ReadonlyMap<string, RecordedAttempt> {
  const byKey = new Map([...attempts, ...selected].map((attempt) => [refKey(attempt.ref), attempt]));
  return new Map(
    effects.flatMap(({ attempt, ordinal, resource }) => {
      const writer = byKey.get(refKey(attempt));
      return writer === undefined ? [] : [[`${ordinal} ${resource}`, writer] as const];
    }),
  );
}

/** A later value that the target would let the step overwrite. */
function overwriteOf(
  { code, resource, part, found, writer, detail }: StepFinding,
  writers: ReadonlyMap<string, RecordedAttempt>,
): Overwrite | undefined {
  if (code !== 'overwritten' || resource === undefined || part === undefined || writer === undefined) return undefined;
  const by = writer.isUncaptured ? undefined : writers.get(`${writer.ordinal} ${resource}`);
  return {
    resource,
    part,
    version: found ?? null,
    through: writer.ordinal,
    who: writer.who,
    ...(by && { by: { ref: plainRef(by.ref), agent: by.agent, tool: by.tool } }),
    detail,
  };
}

/** Rows that the refusal is about, if there are others to undo; dependents are undone whole. */
function rowsOf({ step, findings, isStuck }: Refusal): readonly string[] {
  if (isStuck || step.cascaded) return [];
  const own = new Set(step.systems.flatMap(({ knownOrdinals }) => Object.keys(knownOrdinals)));
  const found = findings.map(({ code, resource }) =>
    OF_ROWS.has(code) && resource !== undefined && own.has(resource) ? resource : undefined,
  );
  if (found.includes(undefined)) return [];
  const rows = [...new Set(found as string[])];
  return rows.length < own.size ? rows : [];
}

function conflictsOf({ step, findings }: Refusal, askedAtMs: number): readonly Conflict[] {
  const { undoes, agent, tool } = step;
  const more = findings.length - CONFLICTS_MAX;
  return findings.slice(0, CONFLICTS_MAX).map(({ code, detail, resource, part }, at) => ({
    kind: KINDS[code],
    ref: plainRef(undoes),
    agent,
    tool,
    ...(resource === undefined ? {} : { resource }),
    ...(part === undefined ? {} : { part }),
    detail: more > 0 && at === CONFLICTS_MAX - 1 ? `${detail} And ${more} more findings.` : detail,
    askedAtMs,
  }));
}

const KINDS: Readonly<Record<FindingCode | RunFindingCode, ConflictKind>> = {
  drift: 'drift',
  later_write: 'later_write',
  unreadable: 'unreadable',
  side_effect: 'side_effect',
  reaches_uncaptured: 'reaches_uncaptured',
  image_missing: 'image_missing',
  erased: 'irreversible',
  constraint: 'constraint',
  not_registered: 'not_registered',
  read_back: 'read_back',
  agent_code: 'agent_code',
  permission: 'unreadable',
  locked: 'unreadable',
  timeout: 'unreadable',
  target_error: 'unreadable',
  capture_incomplete: 'capture_incomplete',
  system_unknown: 'not_registered',
  unreachable: 'unreachable',
  // On steps that are undone.
  overwritten: 'later_write',
  // Of runs only.
  fenced: 'unreadable',
  predecessor: 'later_write',
  plan_mismatch: 'incomplete',
  taken_back: 'constraint',
  cancelled: 'unreadable',
  refused: 'unreadable',
  skipped_by_person: 'unreadable',
};
