export { alternativeOf } from './alternative.ts';
export { type PlanCounter, type PlanCounts, planCounter } from './counts.ts';
export { type DerivedParts, derivedIn, withoutDerived } from './derived.ts';
export { headerOf, type RunningDigest, runningDigest } from './digest.ts';
export { PlannerError, type PlannerErrorCode } from './error.ts';
export { gather } from './gather.ts';
export { rowsLeft } from './left-rows.ts';
export { OVERRIDES_MAX, PLAN_ATTEMPTS_MAX, PLAN_CANDIDATES_MAX, PLAN_EFFECTS_MAX, SELECTION_VALUES_MAX } from './limits.ts';
export { plan } from './make-plan.ts';
export { accept, type Missing } from './missing/missing.ts';
export { openAttempts, withoutAccepted } from './missing/of-attempts.ts';
export { missingOfSources } from './missing/of-sources.ts';
export { type LaggingSystem, missingOfSystem, missingOfTransaction, type OpenInTarget } from './missing/of-systems.ts';
export { missingOfHeld, missingOfLedger, missingOfTopic, type UnreadTopic } from './missing/of-topics.ts';
export type { Watermark } from './missing/watermark.ts';
export { cascades, modeFor, type Override, parseOverrides } from './overrides.ts';
export type {
  Alternative,
  Conflict,
  LeftAttempt,
  Overwrite,
  PartGuard,
  Plan,
  PlanBody,
  PlanDraft,
  PlanHeader,
  PlanItem,
  PlanList,
  PlanStep,
  PlanStepHead,
  StepList,
  StepSystem,
  Taint,
  UncapturedInTarget,
} from './plan.ts';
export { headsOf, missingIn, obstaclesOf, PLAN_LISTS, stoppingIn } from './plan.ts';
export type {
  AttemptContexts,
  EntryAddress,
  LedgerReader,
  OnEffects,
  RecordedAttempt,
  RecordedEffect,
  SourceHole,
  SourceQuestion,
  SourceReader,
  SourceRecord,
  Vector,
} from './ports.ts';
export { compareOrdinals, plainRef, refKey } from './ref.ts';
export { notRegistered } from './registered.ts';
export { type PlanRow, type RowCollector, type RowPlace, rowCollector } from './rows.ts';
export { parseSelection } from './selection/parse-selection.ts';
export type { Selection } from './selection/selection.ts';
export { namesIn, selectionText } from './selection/selection-text.ts';
export { essenceReader, isStale } from './stale.ts';
export { joinStep, type StepChange, type StepDetail, type StepHead, splitStep } from './step-parts.ts';
export { stepSystems, undoneBy } from './steps.ts';
export { type ItemReader, type PlanItems, planDigest, readPlan } from './stored.ts';
export { PARTIAL_UNDO } from './undone.ts';
export type { PlanInput } from './view.ts';
