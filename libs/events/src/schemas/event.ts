import { z } from 'zod';
import type { EventType } from '../types.ts';
import { dataSchemas } from './data.ts';
import { name, sequence, time, traceparent, tracestate } from './texts.ts';

/** The schema of a complete event of one type. A schema cannot check that the id matches the data (`eventId`); `decodeEvent` does. */
export function eventSchema<T extends EventType>(type: T) {
  return z.strictObject({
    specversion: z.literal('1.0'),
    id: name,
    source: name,
    type: z.literal(type),
    time,
    sequence,
    agent: name,
    traceparent: traceparent.exactOptional(),
    tracestate: tracestate.exactOptional(),
    data: dataSchemas[type],
  });
}

export const EVENT_TYPES = Object.keys(dataSchemas) as readonly EventType[];

/** JSON Schema (draft 2020-12) of one type's event. It cannot express byte lengths and calendar days; the ledger checks them too. */
export function eventJsonSchema(type: EventType): Record<string, unknown> {
  const schema = z.toJSONSchema(eventSchema(type), { unrepresentable: 'any', reused: 'ref' });
  return { $id: `urn:recant:schema:${type}`, title: type, ...schema };
}
