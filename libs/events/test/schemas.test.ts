import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DATA_GUARDS } from '../src/guard/data.ts';
import { checkEvent } from '../src/guard/event.ts';
import type { EventType, JsonValue } from '../src/index.ts';
import { dataSchemas, EVENT_TYPES, eventSchema } from '../src/schemas/index.ts';
import { examples } from './examples.ts';
import { mutatedEvent } from './hostile.ts';

const schemas = new Map<string, { safeParse(value: unknown): { success: boolean } }>(EVENT_TYPES.map((type) => [type, eventSchema(type)]));

test('guards and schemas know the same types', () => {
  expect([...EVENT_TYPES].sort()).toEqual(Object.keys(DATA_GUARDS).sort());
  expect(new Set(examples.map(({ event }) => event.type))).toEqual(new Set(EVENT_TYPES));
});

describe('guard and schema accept the same', () => {
  test.each(examples)('$name', ({ event }) => {
    expect(schemas.get(event.type)?.safeParse(event)).toMatchObject({ success: true });
    expect(checkEvent(event)).toMatchObject({ ok: true });
  });

  test('whole events, changed', () => {
    let accepted = 0;
    fc.assert(
      fc.property(mutatedEvent, (value) => {
        const { type } = value as { type?: JsonValue };
        if (typeof type !== 'string' || !schemas.has(type)) return;
        const guarded = checkEvent(value);
        // A schema cannot check that the id matches the data.
        const sound = guarded.ok || guarded.code === 'id_mismatch';
        if (sound) accepted += 1;
        expect({ value, sound: schemas.get(type)?.safeParse(value).success }).toEqual({ value, sound });
      }),
      { numRuns: 5_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test('arbitrary data', () => {
    fc.assert(
      fc.property(fc.constantFrom<EventType>(...EVENT_TYPES), fc.jsonValue(), (type, value) => {
        expect(dataSchemas[type].safeParse(value).success).toBe(DATA_GUARDS[type].check(value) === undefined);
      }),
    );
  });
});
