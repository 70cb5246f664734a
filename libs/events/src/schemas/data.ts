import { z } from 'zod';
import type { EventType } from '../types.ts';
import { ACT_OUTCOMES, VERDICTS } from '../vocabulary.ts';
import { attemptEffects, attemptIntended, attemptObserved, attemptSettled } from './attempt.ts';
import { action, count, digest, inlineObject, map, name, positive, recordId, span, time } from './texts.ts';

export const sourceOpened = z.strictObject({ sdk: name, leaseMs: span });
export const sourceHeartbeat = z.strictObject({ nothingOlderThan: time });
export const sourceClosed = z.strictObject({ reason: name });

export const planCreated = z.strictObject({
  plan: recordId,
  digest,
  by: name,
  mode: name,
  selection: inlineObject,
  steps: count,
  conflicts: count,
});
export const runStarted = z.strictObject({ run: recordId, plan: recordId, digest, by: name });
export const runFinished = z.strictObject({ run: recordId, plan: recordId, outcomes: map(name, count), verdict: z.enum(VERDICTS) });

export const actOrdered = z.strictObject({ act: action, operation: name, by: name, target: inlineObject, request: name });
export const actEnded = z.strictObject({
  act: action,
  outcome: z.enum(ACT_OUTCOMES),
  code: name.exactOptional(),
  detail: inlineObject.exactOptional(),
});
export const authorityRefused = z.strictObject({
  refusal: action,
  code: name,
  operation: name,
  by: name.exactOptional(),
  count: positive,
  first: time,
  last: time,
});

/** The schema of each type's data. */
export const dataSchemas = {
  'recant.attempt.intended.v1': attemptIntended,
  'recant.attempt.effects.v1': attemptEffects,
  'recant.attempt.settled.v1': attemptSettled,
  'recant.attempt.observed.v1': attemptObserved,
  'recant.source.opened.v1': sourceOpened,
  'recant.source.heartbeat.v1': sourceHeartbeat,
  'recant.source.closed.v1': sourceClosed,
  'recant.plan.created.v1': planCreated,
  'recant.run.started.v1': runStarted,
  'recant.run.finished.v1': runFinished,
  'recant.act.ordered.v1': actOrdered,
  'recant.act.ended.v1': actEnded,
  'recant.authority.refused.v1': authorityRefused,
} as const satisfies Record<EventType, z.ZodType>;
