import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { EventData, EventOf, EventType, JsonObject } from '../src/index.ts';
import type { dataSchemas, eventSchema } from '../src/schemas/index.ts';

type IsJsonObject<T> = [JsonObject] extends [T] ? (string extends keyof T ? true : false) : false;
type Deep<T> = T extends string | number | boolean | null | undefined
  ? T
  : IsJsonObject<T> extends true
    ? 'any JSON object'
    : { readonly [K in keyof T]: Deep<T[K]> };

test('the declared types equal the types inferred from the schemas', () => {
  expectTypeOf<{ [T in EventType]: Deep<z.infer<(typeof dataSchemas)[T]>> }>().toEqualTypeOf<{ [T in EventType]: Deep<EventData[T]> }>();
  expectTypeOf<Deep<z.infer<ReturnType<typeof eventSchema<'recant.attempt.settled.v1'>>>>>().toEqualTypeOf<
    Deep<EventOf<'recant.attempt.settled.v1'>>
  >();
});
