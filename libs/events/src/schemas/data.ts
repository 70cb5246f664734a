import { z } from 'zod';
import type { EventType } from '../types.ts';
import { ACT_OUTCOMES } from '../vocabulary.ts';
import { attemptEffects, attemptIntended, attemptObserved, attemptSettled } from './attempt.ts';
import { action, inlineObject, name, positive, reason, span, time } from './texts.ts';

export const sourceOpened = z.strictObject({ sdk: name, leaseMs: span });
export const sourceHeartbeat = z.strictObject({ nothingOlderThan: time });
export const sourceClosed = z.strictObject({ reason: name });

export const actRecorded = z.strictObject({
  act: action,
  actor: z.strictObject({ id: name, name: name.exactOptional() }).exactOptional(),
  operation: name,
  object: inlineObject,
  selection: inlineObject.exactOptional(),
  reason: reason.exactOptional(),
  outcome: z.enum(ACT_OUTCOMES),
  code: name.exactOptional(),
  detail: inlineObject.exactOptional(),
  request: name.exactOptional(),
  repeated: z.strictObject({ count: positive, first: time, last: time }).exactOptional(),
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
  'recant.act.recorded.v1': actRecorded,
} as const satisfies Record<EventType, z.ZodType>;
