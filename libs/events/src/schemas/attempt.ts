import { z } from 'zod';
import { COUNT_MAX, DECLARED_RESOURCES_MAX, EFFECT_CHUNKS_MAX, LABELS_MAX, PART_BYTES_MAX } from '../limits.ts';
import { OUTCOMES, REVERSIBILITIES } from '../vocabulary.ts';
import {
  action,
  connector,
  digest,
  duration,
  imageReference,
  inlineObject,
  labelValue,
  map,
  message,
  name,
  ordinal,
  positive,
  recordId,
  resource,
  salt,
  span,
  system,
  time,
  transaction,
  version,
} from './texts.ts';

export const partReference = z.strictObject({
  digest,
  salt,
  size: z.int().min(0).max(PART_BYTES_MAX),
  subject: name.exactOptional(),
});

export const content = z.union([z.strictObject({ inline: inlineObject }), z.strictObject({ part: partReference })]);

const versions = map(name, version);
const versionsByResource = map(resource, versions, DECLARED_RESOURCES_MAX);

export const compensation = z.strictObject({ connector, images: z.array(imageReference).max(COUNT_MAX) });

export const effect = z.strictObject({
  resource,
  operation: name,
  ordinal,
  parts: map(name, z.strictObject({ before: version, after: version })),
  reads: versions.exactOptional(),
  compensation: compensation.exactOptional(),
  ambiguous: z.boolean().exactOptional(),
  beyond: z.array(name).max(COUNT_MAX).exactOptional(),
});

export const attemptContext = z.strictObject({
  session: name.exactOptional(),
  parent: action.exactOptional(),
  onBehalfOf: name.exactOptional(),
  model: name.exactOptional(),
  agentVersion: name.exactOptional(),
  labels: map(name, labelValue, LABELS_MAX).exactOptional(),
});

export const attemptIntended = z.strictObject({
  action,
  attempt: positive,
  tool: name,
  arguments: content,
  resources: z.array(resource).max(DECLARED_RESOURCES_MAX),
  before: versionsByResource.exactOptional(),
  expectedAfter: versionsByResource.exactOptional(),
  reversibility: z.enum(REVERSIBILITIES),
  deadlineMs: span,
  context: attemptContext,
  inverts: z.strictObject({ source: name, action, attempt: positive, run: recordId, step: positive }).exactOptional(),
});

export const attemptEffects = z.strictObject({
  action,
  attempt: positive,
  chunk: z
    .int()
    .min(0)
    .max(EFFECT_CHUNKS_MAX - 1),
  effects: z.array(effect).max(COUNT_MAX),
});

export const attemptSettled = z.strictObject({
  action,
  attempt: positive,
  outcome: z.enum(OUTCOMES),
  chunks: z.int().min(0).max(EFFECT_CHUNKS_MAX),
  effects: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  digest,
  durationMs: duration,
  error: z.strictObject({ code: name, message }).exactOptional(),
  result: content.exactOptional(),
});

export const attemptObserved = z.strictObject({
  action,
  attempt: positive,
  of: name.exactOptional(),
  system,
  transaction,
  login: name,
  agent: name.exactOptional(),
  from: time,
  to: time,
  chunk: z
    .int()
    .min(0)
    .max(EFFECT_CHUNKS_MAX - 1),
  chunks: z.int().min(1).max(EFFECT_CHUNKS_MAX),
  effects: z.array(effect).max(COUNT_MAX),
  counted: z
    .array(z.strictObject({ table: name, changes: z.int().min(1).max(Number.MAX_SAFE_INTEGER), unknown: z.boolean().exactOptional() }))
    .max(COUNT_MAX)
    .exactOptional(),
});
