import type { FindingCode } from '@recant/connector';
import type { ConflictKind } from '@recant/events';
import { type Conflict, isIncluded, type PlanBody, type PlanInput, plainRef, plan, refKey } from '@recant/planner';
import { type Refusal, type RunFindingCode, rehearseSteps } from '@recant/runner';
import type { RollbackCore } from './core.ts';

/** In mode `skip` a dropped step changes what the targets say about others, so they are asked again. A run meets what is left after these rounds. */
const ROUNDS_MAX = 8;
/** Conflicts listed for one attempt; the last one counts the rest. */
const CONFLICTS_MAX = 10;

/** The plan over the ledger and the targets: a step that a target would refuse now is a conflict, dated. */
export async function planWithTargets(core: Pick<RollbackCore, 'targets' | 'clock'>, input: PlanInput): Promise<PlanBody> {
  const effects = Map.groupBy(input.effects, ({ attempt }) => refKey(attempt));
  const refused: Conflict[] = [];
  for (let round = 1; ; round += 1) {
    const body = plan({ ...input, refused });
    if (round > ROUNDS_MAX || (input.mode === 'refuse' && round > 1)) return body;
    const refusals = await rehearseSteps(core.targets, input.tenant, body.steps, ({ undoes }) =>
      (effects.get(refKey(undoes)) ?? []).filter((effect) => isIncluded(effect, input.selection)),
    );
    if (refusals.length === 0) return body;
    refused.push(...refusals.flatMap((refusal) => conflictsOf(refusal, core.clock.now())));
  }
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
  // Of runs only.
  fenced: 'unreadable',
  predecessor: 'later_write',
  plan_mismatch: 'incomplete',
  taken_back: 'constraint',
  cancelled: 'unreadable',
  refused: 'unreadable',
  skipped_by_person: 'unreadable',
};
