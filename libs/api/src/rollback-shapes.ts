import { PLAN_MODES, RUN_STATES, STEP_MODES, STEP_OUTCOMES, STEP_STATES, UNVERIFIED_REASONS, VERDICTS } from '@recant/events';
import { z } from 'zod';
import { ApprovalBody, ApprovalState, StatementBody } from './approval-shapes.ts';
import type { Immutable } from './immutable.ts';
import { pageOf } from './page.ts';
import { AttemptRefBody, PlanCountsBody } from './plan-items.ts';
import { SelectionInput, WindowInput } from './selection-shapes.ts';
import { WatermarkBody } from './watermark-shapes.ts';

const instant = z.string().meta({ description: 'ISO 8601 in UTC with milliseconds.', example: '2026-03-01T14:00:00.000Z' });
const byName = z
  .string()
  .optional()
  .meta({ description: 'The label of that key. Absent for people, whose name `by` has, and where the key has none.' });
export const PlanMode = z.enum(PLAN_MODES).meta({
  id: 'PlanMode',
  description:
    'refuse: any conflict blocks the plan. skip: attempts that cannot be undone are skipped, with the attempts that depend on them. cascade: attempts of others that wrote the same parts later are undone as well; what cannot be undone then is skipped. force: later values of others are overwritten, in rows only where the target captured who wrote them, in files always (needs a reason); what cannot be undone then is skipped.',
});
export type PlanMode = z.infer<typeof PlanMode>;
/** Longest wait of one request for a plan, in milliseconds. */
export const PLAN_WAIT_MS_MAX = 20_000;
export const OverrideInput = z
  .strictObject({
    mode: z.enum(STEP_MODES),
    where: z
      .string()
      .min(1)
      .max(16_384)
      .meta({ description: 'A condition: the selected attempts that have this mode. At least one has to match.' }),
  })
  .meta({
    id: 'OverrideInput',
    description:
      'A mode of their own for some of the selected attempts. skip: their conflicts do not stop a plan in mode refuse. cascade: attempts that depend on them are undone, too. force: later values of others on what they wrote are overwritten; needs a reason (header `recant-reason`).',
  });
export const PlanInput = z
  .object({
    selection: z
      .union([z.string().min(1).max(16_384), SelectionInput])
      .optional()
      .meta({
        description: 'Fields, or a condition as text.',
      }),
    mode: PlanMode.optional(),
    window: z.union([z.string().max(64), WindowInput]).optional(),
    partial: z.boolean().optional().meta({
      description:
        'Rows of an attempt that are in conflict stay as they are, and its other rows are undone. Not in mode `refuse`. Default: an attempt is undone whole.',
    }),
    cascadeReads: z.boolean().optional().meta({ description: 'In mode `cascade`: attempts that read what is undone are undone, too.' }),
    overrides: z.array(OverrideInput).min(1).max(100).optional().meta({ description: 'Modes of single attempts; the others have `mode`.' }),
    waitMs: z.int().min(0).max(PLAN_WAIT_MS_MAX).optional().meta({
      description:
        'Milliseconds to wait for what was sent or committed before the request. What has not arrived by then is named in `watermark.missing`. Default: 10000.',
    }),
    accept: z.array(z.string().min(1).max(64)).min(1).max(1_000).optional().meta({
      description:
        'Ids of `watermark.missing` of an earlier plan: plan without what they name. Needs a reason (header `recant-reason`). An id that names nothing that is missing now is refused (`missing_unknown`).',
    }),
  })
  .meta({ id: 'PlanInput' });
export type PlanInput = z.infer<typeof PlanInput>;

export const OpenInTargetBody = z
  .object({
    system: z.string(),
    login: z.string(),
    agent: z.string(),
    pid: z.int().optional(),
    gid: z.string().optional().meta({ description: 'Name of a prepared transaction.' }),
    ageMs: z.int().optional().meta({ description: 'Absent: the target does not show it to the login of the drain.' }),
  })
  .meta({ id: 'OpenInTarget' });
export const EndedTransactions = z.object({ ended: z.array(OpenInTargetBody) }).meta({ id: 'EndedTransactions' });
export type EndedTransactions = z.infer<typeof EndedTransactions>;
const RowsBody = z
  .object({ created: z.int(), deleted: z.int(), changed: z.int() })
  .meta({ id: 'Rows', description: 'By what the attempts did to them.' });
export type RowsBody = Immutable<z.infer<typeof RowsBody>>;
export const PlanTotalsBody = z
  .object({
    undone: RowsBody.meta({ description: 'Rows and files that go back: created ones are removed, deleted ones come back.' }),
    stays: RowsBody.meta({ description: 'Rows and files that selected attempts left and that stay so, wholly or in part.' }),
    compensated: z.int().meta({ description: 'Of `undone`: declared compensable, so that a residue stays.' }),
    scopes: z.array(z.object({ scope: z.string(), undone: RowsBody, stays: RowsBody })).meta({
      description: 'By table or folder (the start of their resources); most that stays first, then the largest.',
    }),
    scopesMore: z.int().meta({ description: 'Tables and folders that are not listed.' }),
    tools: z.array(z.object({ agent: z.string(), tool: z.string(), undone: z.int(), left: z.int() })).meta({
      description: 'Attempts that are undone, and that are left with something that stays.',
    }),
    toolsMore: z.int(),
  })
  .meta({ id: 'PlanTotals', description: 'Each row counts once: as one that stays where any of it stays.' });
export const AlternativeBody = z
  .object({
    mode: PlanMode,
    partial: z.literal(true).optional(),
    undone: z.int().meta({ description: 'Selected attempts.' }),
    left: z.int(),
    dependents: z.int().meta({ description: 'Attempts of others that are undone as well.' }),
    forced: z.int().optional().meta({ description: 'Mode force: attempts of `undone` that overwrite later values of others.' }),
    overwrites: z.int().optional().meta({ description: 'Mode force: these values. Absent in an estimate.' }),
    rows: z.int(),
    rowsStay: z.int(),
    estimated: z.literal(true).optional().meta({
      description:
        'By the ledger alone: the selection has over 10,000 rows and files, the systems took over 5 s, or one of them does not answer. Changes that only the systems know of may add to what stays. Absent: the systems rehearsed the steps.',
    }),
  })
  .meta({ id: 'PlanAlternative', description: 'What another mode would do.' });
export const PlanContents = z
  .object({
    version: z.literal(1),
    tenant: z.string(),
    mode: PlanMode,
    selection: z.record(z.string(), z.unknown()),
    vector: z.record(z.string(), z.string()),
    watermark: WatermarkBody.optional(),
    derived: z
      .array(z.object({ scope: z.string(), parts: z.array(z.string()) }))
      .optional()
      .meta({
        description: 'Parts that recorded effects have and that their systems compute themselves by now: the plan leaves them out.',
      }),
    uncaptured: z
      .array(
        z.object({
          system: z.string(),
          table: z.string(),
          logins: z.array(z.string()),
          from: z.string(),
          to: z.string().optional(),
          dropped: z.boolean().optional(),
        }),
      )
      .optional()
      .meta({
        description:
          'Tables that the selected agents could write and whose changes were not captured, because they are new since `connect`; and captured tables that the selected agents could drop and that are gone (`dropped`).',
      }),
    totals: PlanTotalsBody,
    alternatives: z.array(AlternativeBody).optional().meta({ description: 'Only of a plan with conflicts, or that overwrites values.' }),
    overrides: z.array(z.object({ mode: z.enum(STEP_MODES), where: z.string(), attempts: z.int() })).optional(),
    partial: z.literal(true).optional(),
    throughReads: z.literal(true).optional(),
  })
  .meta({ id: 'PlanHeader', description: 'What of a plan does not grow with its steps.' });
export const PlanRunBody = z
  .object({ id: z.string(), state: z.enum(RUN_STATES), createdAt: instant, finishedAt: instant.optional() })
  .meta({ id: 'PlanRun' });
export const PlanBodyShape = z
  .object({
    id: z.string(),
    digest: z.string().meta({
      description: 'SHA-256 of the plan: its header, and every item of its lists in order.',
    }),
    by: z.string().meta({ description: 'Who requested the plan: a key id, or `person:<subject>`.' }),
    byName,
    createdAt: instant,
    selected: z.string().meta({ description: 'The selection in the grammar of `where`.' }),
    runnable: z
      .boolean()
      .meta({ description: 'True if the plan has steps and, in mode `refuse`, no conflict and nothing missing that nobody accepted.' }),
    approval: ApprovalState,
    run: PlanRunBody.optional().meta({ description: 'The run of the plan, once started: a plan runs once.' }),
    counts: PlanCountsBody,
    body: PlanContents,
  })
  .meta({ id: 'Plan', description: 'Its steps, conflicts and other items are lists of their own, in pages.' });
export type PlanView = Immutable<z.infer<typeof PlanBodyShape>>;

export const RunInput = z
  .object({
    plan: z.string().min(1),
    digest: z.string().regex(/^[0-9a-f]{64}$/),
    rows: z.int().min(1).optional().meta({
      description:
        'Confirms the number of rows and files that the run changes, where it is over the service’s limit (`run_too_large`). The act records it.',
    }),
    fence: z.string().max(64).optional().meta({
      description:
        'Stops agents from repeating the calls of the selected attempts until then: ISO 8601 with a zone, or a duration from now (`24h`). What the run does not undo is not fenced once it ends.',
    }),
    deadline: z.string().max(64).optional().meta({
      description:
        'When the run pauses by itself: ISO 8601 with a zone, or a duration from now (`30m`). Steps under way end first, and a person resumes or cancels it.',
    }),
    rowsPerSecond: z.int().min(1).max(1_000_000).optional().meta({
      description: 'Rows and files that the run changes a second at most, on average. A step is never split.',
    }),
    breakGlass: z.literal(true).optional().meta({
      description: 'Start without the approval that the plan needs; a reason is required. Without effect on a plan that may run.',
    }),
  })
  .meta({ id: 'RunInput' });
export type RunInput = z.infer<typeof RunInput>;
export const StepFindingBody = z
  .object({
    code: z.string(),
    detail: z.string(),
    system: z.string().optional(),
    resource: z.string().optional(),
    part: z.string().optional(),
    expected: z.string().nullable().optional(),
    found: z.string().nullable().optional(),
    writer: z
      .object({ who: z.string(), ordinal: z.string(), isUncaptured: z.literal(true).optional() })
      .optional()
      .meta({
        description:
          'Of `overwritten`: the last write of the part by somebody else. isUncaptured: it came after that ordinal, and nothing recorded it (files).',
      }),
  })
  .meta({ id: 'StepFinding' });
export const StepsInput = z
  .strictObject({
    steps: z.array(z.int().min(1)).min(1).max(100_000).optional().meta({ description: 'Only these steps.' }),
    codes: z.array(z.string().max(64)).min(1).max(32).optional().meta({ description: 'Only steps with a finding of one of these codes.' }),
    systems: z
      .array(z.string().max(64))
      .min(1)
      .max(100)
      .optional()
      .meta({ description: 'Only steps with a finding of one of these systems.' }),
  })
  .meta({ id: 'StepsInput' });
export type StepsInput = z.infer<typeof StepsInput>;
export const StepsActed = z.object({ run: z.string(), steps: z.array(z.int()) }).meta({ id: 'StepsActed' });
export type StepsActed = Immutable<z.infer<typeof StepsActed>>;
export const RunStepBody = z
  .object({
    step: z.int(),
    state: z.enum(STEP_STATES),
    outcome: z.enum(STEP_OUTCOMES).optional(),
    undoes: AttemptRefBody,
    agent: z.string(),
    tool: z.string(),
    systems: z.array(z.string()),
    inverse: AttemptRefBody.optional().meta({ description: 'Attempt under which the inverse is recorded; absent before its intent.' }),
    findings: z.array(StepFindingBody),
    residue: z.array(z.string()),
  })
  .meta({ id: 'RunStep' });
export const RunStepPage = pageOf(RunStepBody).meta({ id: 'RunStepPage' });
export type RunStepView = Immutable<z.infer<typeof RunStepBody>>;
export const AccountBody = z
  .object({
    selected: z.int().meta({ description: 'Number of selected attempts.' }),
    outcomes: z.record(z.string(), z.int()).meta({ description: 'Number of ended steps, by outcome.' }),
    left: z.record(z.string(), z.int()).meta({ description: 'Number of selected attempts without a step, by reason.' }),
    open: z.int().meta({ description: 'Number of steps that have not ended.' }),
    rowsStay: z
      .int()
      .optional()
      .meta({ description: 'Rows in conflict that stay although other rows of their attempts are undone (`partial`).' }),
    cascaded: z.int().optional().meta({ description: 'Steps of attempts that nobody selected: dependents (`cascade`).' }),
    overwritten: z.int().optional().meta({
      description:
        'Later values of others that were overwritten (mode `force`). Findings `overwritten` of the steps name each, and whose it was.',
    }),
    residue: z.array(z.string()),
    tainted: z.int(),
    verdict: z
      .enum(VERDICTS)
      .meta({ description: 'Covers every selected attempt, with or without a step. Not final before the run has ended.' }),
    unverified: z.partialRecord(z.enum(UNVERIFIED_REASONS), z.int()).meta({
      description:
        'Number of selected attempts, and of things that the record lacks (`record_incomplete`), that prevent `fully_restored` although nothing failed, by reason.',
    }),
  })
  .meta({ id: 'Account' });
export type AccountView = Immutable<z.infer<typeof AccountBody>>;
export const RunWaitBody = z
  .object({
    for: z.enum(['system', 'run', 'person']),
    code: z.enum(['deadline_passed']).optional().meta({ description: 'Why a run is paused that nobody paused.' }),
    detail: z.string(),
    system: z.string().optional(),
    run: z.string().optional().meta({ description: 'The older run that holds a resource of this one.' }),
    since: instant.optional(),
    next: instant.optional().meta({ description: 'When the system is tried again.' }),
  })
  .meta({ id: 'RunWait' });
const RunSummaryFields = {
  id: z.string(),
  plan: z.string(),
  digest: z.string(),
  by: z.string(),
  mode: PlanMode,
  state: z.enum(RUN_STATES),
  createdAt: instant,
  finishedAt: instant.optional(),
  steps: z.int(),
  account: AccountBody,
  /** Why the run is blocked, if it is. */
  alarm: z.string().optional(),
  limits: z
    .object({ deadline: instant.optional(), rowsPerSecond: z.int().optional() })
    .optional()
    .meta({ description: 'When the run pauses by itself, and how fast it goes at most.' }),
  fence: z
    .object({
      calls: z.int().meta({ description: 'Different calls that the run fenced when it started.' }),
      inForce: z.int().meta({ description: 'Those that are fenced now.' }),
      without: z.int().meta({ description: 'Attempts that are not fenced: no intent, or neither resources nor comparable arguments.' }),
      expiresAt: instant,
    })
    .optional(),
  waits: z.array(RunWaitBody).meta({ description: 'What the run waits for. Systems and runs: it goes on by itself.' }),
};
export const RunSummary = z.object(RunSummaryFields).meta({ id: 'RunSummary' });
export type RunSummaryView = Immutable<z.infer<typeof RunSummary>>;
export const RunBody = z
  .object({
    ...RunSummaryFields,
    byName,
    states: z.partialRecord(z.enum(STEP_STATES), z.int()).meta({ description: 'Number of steps, by state.' }),
    intended: z.int().meta({ description: 'Steps whose inverse was intended: with none, the run has written nothing.' }),
    approvals: z.array(ApprovalBody).meta({ description: 'Approvals of the plan.' }),
    breakGlass: StatementBody.optional().meta({ description: 'The run was started without the approval that the plan needs.' }),
  })
  .meta({ id: 'Run', description: 'Its steps are a list of their own, in pages.' });
export type RunView = Immutable<z.infer<typeof RunBody>>;
const runRows = {
  undone: RowsBody.meta({ description: 'Rows and files that went back.' }),
  failed: RowsBody.meta({
    description: 'Rows and files of steps that did not end well, or have not ended: wholly or in part as the attempts left them.',
  }),
  stays: RowsBody.meta({ description: 'Rows and files that the plan left as they were.' }),
};
export const RunTotalsBody = z
  .object({
    ...runRows,
    scopes: z.array(z.object({ scope: z.string(), ...runRows })).meta({ description: 'By table or folder, in the order of the plan.' }),
    scopesMore: z.int().meta({ description: 'Tables and folders that are not listed.' }),
  })
  .meta({ id: 'RunTotals', description: 'What a run did up to now. Each row counts once.' });
export type RunTotalsView = Immutable<z.infer<typeof RunTotalsBody>>;
export const RunPage = pageOf(RunSummary).meta({ id: 'RunPage' });
export type RunPageView = Immutable<z.infer<typeof RunPage>>;
