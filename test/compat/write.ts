/**
 * Writes the fixtures of a version that is about to be released. Existing files are never changed, because released bytes must stay readable.
 * Run: node test/compat/write.ts
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type EventErrorCode, encodeEvent, shardOf } from '@recant/events';
import { EVENT_TYPES, eventJsonSchema } from '@recant/events/schemas';
import { examples } from '../../libs/events/test/examples.ts';
import { messagesOf } from './messages.ts';
import { REFUSED } from './refused.ts';

const TENANTS = ['default', 'tenant-b'];
const at = (path: string): URL => new URL(path, import.meta.url);

function writeOnce(path: string, content: string | Uint8Array): void {
  if (!existsSync(at(path))) writeFileSync(at(path), content, { flag: 'wx' });
}

export interface ExpectedEvent {
  readonly file: string;
  readonly event: unknown;
  readonly shards: readonly { readonly tenant: string; readonly shards: number; readonly shard: number }[];
}
export interface ExpectedRefusal {
  readonly file: string;
  readonly code: EventErrorCode;
}

/** Appends new items; released ones are unchanged. */
function writeExpected<T extends { readonly file: string }>(path: string, items: readonly T[]): void {
  const released = existsSync(at(path)) ? (JSON.parse(readFileSync(at(path), 'utf8')) as T[]) : [];
  const known = new Set(released.map(({ file }) => file));
  writeFileSync(at(path), `${JSON.stringify([...released, ...items.filter(({ file }) => !known.has(file))], null, 2)}\n`);
}

const expected: ExpectedEvent[] = [];
for (const { name, event } of examples) {
  const file = `${name}.event`;
  writeOnce(`v1/${file}`, encodeEvent(event));
  const shards = TENANTS.flatMap((tenant) => [8, 13].map((of) => ({ tenant, shards: of, shard: shardOf(tenant, event.source, of) })));
  expected.push({ file, event, shards });
}
writeExpected('v1/expected.json', expected);

mkdirSync(at('messages'), { recursive: true });
const messages = messagesOf(at('v1/'));
for (const { file, value } of messages) writeOnce(`messages/${file}`, value);
writeExpected(
  'messages/expected.json',
  messages.map(({ value: _, ...expected }) => expected),
);

for (const type of EVENT_TYPES) writeOnce(`schemas/${type}.json`, `${JSON.stringify(eventJsonSchema(type), null, 2)}\n`);

const refusals: ExpectedRefusal[] = [];
for (const [name, code, text] of REFUSED) {
  writeOnce(`refused/${name}.event`, typeof text === 'string' ? Buffer.from(text) : text);
  refusals.push({ file: `${name}.event`, code });
}
writeExpected('refused/expected.json', refusals);
