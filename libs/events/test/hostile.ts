import fc from 'fast-check';
import type { JsonValue } from '../src/index.ts';
import { examples } from './examples.ts';

/** Values that break careless readers. */
const ODD: readonly unknown[] = [
  null,
  true,
  '',
  ' ',
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  '\u001b[2J',
  'x'.repeat(257),
  'ß'.repeat(129),
  -1,
  -0,
  0.5,
  0,
  1,
  2_147_483_647,
  2_147_483_648,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER + 1,
  1e21,
  [],
  {},
  [null],
  { inline: {} },
  { part: {} },
  { inline: {}, part: {} },
  'postgres://shop/public.orders/42',
  'postgres://shop/*',
  'filesystem://notes/../etc/passwd',
  'http://evil.example/?q=1',
  '2026-02-30T00:00:00.000Z',
  '2024-02-29T00:00:00.000Z',
  '2026-11-23T09:30:00Z',
  '00',
  '0',
  'ab'.repeat(32),
];

const odd = fc.oneof(fc.constantFrom(...ODD), fc.jsonValue({ maxDepth: 2 }), fc.string({ unit: 'binary', maxLength: 8 }));
const key = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'sql', 'url', '', 'x'.repeat(300), 'exists'), fc.string({ maxLength: 6 }));

type Place = { readonly parent: Record<string, unknown>; readonly key: string };

function places(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const member of Object.keys(value)) {
    found.push({ parent: value as Record<string, unknown>, key: member });
    places((value as Record<string, unknown>)[member], found);
  }
  return found;
}

/** Defines rather than assigns, so that `__proto__` becomes a member. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

/** An example event with up to three of its members replaced, removed or added. */
export const mutatedEvent: fc.Arbitrary<JsonValue> = fc
  .tuple(
    fc.constantFrom(...examples),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom('replace', 'remove', 'add'), odd, key), { maxLength: 3 }),
  )
  .map(([example, changes]) => {
    const event = structuredClone(example.event) as unknown as JsonValue;
    for (const [pick, change, value, name] of changes) {
      const all = places(event);
      const place = all[pick % all.length] as Place;
      const inner = place.parent[place.key];
      if (change === 'replace') define(place.parent, place.key, structuredClone(value));
      else if (change === 'remove') Array.isArray(place.parent) ? place.parent.pop() : delete place.parent[place.key];
      else if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) define(inner, name, structuredClone(value));
      else define(event as object, name, structuredClone(value));
    }
    return event;
  });
