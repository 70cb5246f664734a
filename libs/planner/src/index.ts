export type { Conflict, LeftAttempt, PartGuard, Plan, PlanAnnex, PlanBody, PlanMode, PlanStep, StepSystem, Taint } from './plan.ts';
export type { AttemptStatus, EntryAddress, LedgerReader, RecordedAttempt, RecordedEffect, Vector } from './ports.ts';
export type { Selection } from './selection.ts';
