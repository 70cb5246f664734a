import type { EventErrorCode } from '../error.ts';
import { idMatches } from '../event-id.ts';
import { EVENT_DEPTH_MAX } from '../limits.ts';
import { bytesOf, matches } from '../scan.ts';
import { isSequence } from '../sequence.ts';
import type { EventType, RecantEvent } from '../types.ts';
import { DATA_GUARDS, name, time } from './data.ts';
import { isObject, oneOf, text } from './guard.ts';
import { type Shape, shape } from './members.ts';
import { plainSequence, plainTraceparent } from './plain.ts';
import { describe } from './problem.ts';
import { isTraceparent, isTracestate } from './texts.ts';

export interface Refused {
  readonly ok: false;
  readonly code: EventErrorCode;
  /** The problem and its place. Safe to show to the sender. */
  readonly detail: string;
}

const KNOWN_TYPE = /^(recant\.[a-z]+\.[a-z]+)\.v([0-9]{1,9})$/;
const TYPES = Object.keys(DATA_GUARDS) as readonly EventType[];
const FAMILIES = new Set(TYPES.map((type) => type.replace(/\.v1$/, '')));

const ENVELOPES = new Map<string, Shape>(TYPES.map((type) => [type, envelopeOf(type)]));

function envelopeOf(type: EventType): Shape {
  return shape(
    {
      specversion: oneOf(['1.0']),
      id: name,
      source: name,
      type: oneOf([type]),
      time,
      sequence: text('16 decimal digits from 0000000000000001', isSequence, plainSequence),
      agent: name,
      data: DATA_GUARDS[type],
    },
    {
      traceparent: text('a W3C traceparent of version 00', isTraceparent, plainTraceparent),
      tracestate: text('a W3C tracestate of at most 512 characters', isTracestate),
    },
  );
}

/** The last bytes of a canonical event of each type. */
const ENDS = TYPES.map((type) => ({ type, end: bytesOf(`"type":"${type}"}`) }));

/** The type at the place where a canonical event states it; nothing else is checked. */
export function typeAtEnd(bytes: Uint8Array): EventType | undefined {
  for (let n = 0; n < ENDS.length; n += 1) {
    const { type, end } = ENDS[n] as (typeof ENDS)[number];
    if (matches(bytes, bytes.length - end.length, end)) return type;
  }
  return undefined;
}

/** Whether the bytes are the canonical form of a value that `checkEvent` accepts. UTF-8 and the id are not checked. */
export function scanEvent(bytes: Uint8Array): boolean {
  const type = typeAtEnd(bytes);
  return type !== undefined && envelopeFor(type).scan(bytes, 0, EVENT_DEPTH_MAX) === bytes.length;
}

export function envelopeFor(type: EventType): Shape {
  return ENVELOPES.get(type) as Shape;
}

/** Checks that a JSON value is an event of version 1. Does not check bytes or canonical form. */
export function checkEvent(value: unknown): { readonly ok: true; readonly event: RecantEvent } | Refused {
  if (!isObject(value)) return refuse('schema_invalid', 'An event must be a JSON object.');
  const { type } = value;
  if (typeof type !== 'string') return refuse('schema_invalid', '$.type must be a string.');
  const envelope = ENVELOPES.get(type);
  if (envelope === undefined) return unknownType(type);
  if (value.specversion !== '1.0' && typeof value.specversion === 'string') {
    return refuse(
      'version_unknown',
      `Unsupported CloudEvents specversion: expected "1.0", got ${JSON.stringify(value.specversion.slice(0, 32))}.`,
    );
  }
  const found = envelope.check(value);
  if (found !== undefined) return refuse(found.code, describe(found));
  // The envelope's guard has just checked the shape that the type names.
  const event = value as unknown as RecantEvent;
  return idMatches(event) ? { ok: true, event } : idMismatch();
}

export function idMismatch(): Refused {
  return refuse('id_mismatch', '$.id does not match the id derived from the data.');
}

function unknownType(type: string): Refused {
  const shown = JSON.stringify(type.slice(0, 128));
  const family = KNOWN_TYPE.exec(type)?.[1];
  if (family !== undefined && FAMILIES.has(family))
    return refuse('version_unknown', `Unsupported version of ${family}: expected "${family}.v1", got ${shown}.`);
  return refuse('type_unknown', `Unknown event type ${shown}.`);
}

export function refuse(code: EventErrorCode, detail: string): Refused {
  return { ok: false, code, detail };
}
