import {
  COUNT_MAX,
  DECLARED_RESOURCES_MAX,
  DURATION_MS_MAX,
  EFFECT_CHUNKS_MAX,
  ERROR_MESSAGE_BYTES_MAX,
  LABELS_MAX,
  NAME_BYTES_MAX,
  PART_BYTES_MAX,
  REASON_BYTES_MAX,
  RESOURCE_BYTES_MAX,
} from '../limits.ts';
import { isConnectorName, isResource, isSystemName } from '../resource.ts';
import { NONE } from '../scan.ts';
import type { EventType } from '../types.ts';
import { isUuidV7 } from '../uuid.ts';
import { ACT_OUTCOMES, OUTCOMES, REVERSIBILITIES } from '../vocabulary.ts';
import { flag, type Guard, integer, isObject, oneOf, orNull, text } from './guard.ts';
import { inlineObject } from './inline.ts';
import { list, record, type Shape, shape } from './members.ts';
import {
  plainConnector,
  plainDigest,
  plainImageReference,
  plainName,
  plainOrdinal,
  plainResource,
  plainTime,
  plainUuidV7,
  plainVersion,
} from './plain.ts';
import {
  isDigest,
  isImageReference,
  isLabelValue,
  isMessage,
  isName,
  isOrdinal,
  isReason,
  isRecordId,
  isSalt,
  isTime,
  isTransaction,
  isVersion,
} from './texts.ts';

export const name = text(`a name of 1 to ${NAME_BYTES_MAX} bytes without control characters`, isName, plainName);
export const time = text('a UTC time such as 2026-11-23T09:30:00.000Z', isTime, plainTime);
const action = text('a lower-case UUIDv7', isUuidV7, plainUuidV7);
const resource = text(
  `a resource of at most ${RESOURCE_BYTES_MAX} bytes: <connector>://<system>/<percent-encoded path>`,
  isResource,
  plainResource,
  'resource_invalid',
);
const connector = text('a connector: a-z, 0-9, -', isConnectorName, plainConnector);
const version = orNull(text('null or a version of printable ASCII', isVersion, plainVersion));
const digest = text('64 lower-case hex digits', isDigest, plainDigest);
const recordId = text('an id of letters, digits, - and _', isRecordId);
const positive = integer(1, COUNT_MAX);
const duration = integer(0, DURATION_MS_MAX);
const span = integer(1, DURATION_MS_MAX);
const total = integer(0, Number.MAX_SAFE_INTEGER);

const partReference = shape({ digest, salt: text('base64url of 16 bytes', isSalt), size: integer(0, PART_BYTES_MAX) }, { subject: name });
const inline = shape({ inline: inlineObject });
const part = shape({ part: partReference });
const content: Guard = {
  check: (value) => (isObject(value) && Object.hasOwn(value, 'part') ? part : inline).check(value),
  scan(bytes, index, depthLeft) {
    const end = inline.scan(bytes, index, depthLeft);
    return end === NONE ? part.scan(bytes, index, depthLeft) : end;
  },
};

const versions = record(name, version);
const versionsByResource = record(resource, versions, DECLARED_RESOURCES_MAX);
const effect = shape(
  {
    resource,
    operation: name,
    ordinal: text('decimal digits without leading zeros', isOrdinal, plainOrdinal),
    parts: record(name, shape({ before: version, after: version })),
  },
  {
    reads: versions,
    compensation: shape({ connector, images: list(text('an image reference', isImageReference, plainImageReference), COUNT_MAX) }),
    ambiguous: flag,
    beyond: list(name, COUNT_MAX),
  },
);

export const effects = list(effect, COUNT_MAX);

const counted = shape({ table: name, changes: integer(1, Number.MAX_SAFE_INTEGER) }, { unknown: flag });

const context = shape(
  {},
  {
    session: name,
    parent: action,
    onBehalfOf: name,
    model: name,
    agentVersion: name,
    labels: record(name, text(`at most ${NAME_BYTES_MAX} bytes without control characters`, isLabelValue, plainName), LABELS_MAX),
  },
);

/** The guard of each type's data. */
export const DATA_GUARDS: Readonly<Record<EventType, Shape>> = {
  'recant.attempt.intended.v1': shape(
    {
      action,
      attempt: positive,
      tool: name,
      arguments: content,
      resources: list(resource, DECLARED_RESOURCES_MAX),
      reversibility: oneOf(REVERSIBILITIES),
      deadlineMs: span,
      context,
    },
    {
      before: versionsByResource,
      expectedAfter: versionsByResource,
      inverts: shape({ source: name, action, attempt: positive, run: recordId, step: positive }),
    },
  ),
  'recant.attempt.effects.v1': shape({
    action,
    attempt: positive,
    chunk: integer(0, EFFECT_CHUNKS_MAX - 1),
    effects,
  }),
  'recant.attempt.settled.v1': shape(
    {
      action,
      attempt: positive,
      outcome: oneOf(OUTCOMES),
      chunks: integer(0, EFFECT_CHUNKS_MAX),
      effects: total,
      digest,
      durationMs: duration,
    },
    { error: shape({ code: name, message: text(`at most ${ERROR_MESSAGE_BYTES_MAX} bytes`, isMessage) }), result: content },
  ),
  'recant.attempt.observed.v1': shape(
    {
      action,
      attempt: positive,
      system: text('a system: letters, digits, ".", "_", "-"', isSystemName),
      transaction: text('<capture epoch>/<xid8> in decimal', isTransaction),
      login: name,
      from: time,
      to: time,
      chunk: integer(0, EFFECT_CHUNKS_MAX - 1),
      chunks: integer(1, EFFECT_CHUNKS_MAX),
      effects: list(effect, COUNT_MAX),
    },
    { of: name, agent: name, counted: list(counted, COUNT_MAX) },
  ),
  'recant.source.opened.v1': shape({ sdk: name, leaseMs: span }),
  'recant.source.heartbeat.v1': shape({ nothingOlderThan: time }),
  'recant.source.closed.v1': shape({ reason: name }),
  'recant.act.recorded.v1': shape(
    { act: action, operation: name, object: inlineObject, outcome: oneOf(ACT_OUTCOMES) },
    {
      actor: shape({ id: name }, { name }),
      selection: inlineObject,
      reason: text(`a reason of 1 to ${REASON_BYTES_MAX} bytes without control characters`, isReason),
      code: name,
      detail: inlineObject,
      request: name,
      repeated: shape({ count: positive, first: time, last: time }),
    },
  ),
};
