import { readdirSync, readFileSync } from 'node:fs';
import { decodeEvent, encodeEvent, shardOf } from '@recant/events';
import { EVENT_TYPES, eventJsonSchema } from '@recant/events/schemas';
import { describe, expect, test } from 'vitest';
import type { ExpectedEvent, ExpectedRefusal } from './write.ts';

const read = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, import.meta.url)));
const readJson = <T>(path: string): T => JSON.parse(Buffer.from(read(path)).toString()) as T;
const files = (folder: string): string[] => readdirSync(new URL(folder, import.meta.url)).filter((name) => name.endsWith('.event'));

describe('released events are read for ever', () => {
  const expected = readJson<ExpectedEvent[]>('v1/expected.json');

  test('every file is expected, and every type has one', () => {
    expect(files('v1').sort()).toEqual(expected.map(({ file }) => file).sort());
    expect(new Set(expected.map(({ event }) => (event as { type: string }).type))).toEqual(new Set(EVENT_TYPES));
  });

  test.each(expected)('$file', ({ file, event, shards }) => {
    const bytes = read(`v1/${file}`);
    expect(decodeEvent(bytes)).toEqual({ ok: true, event });
    expect(Buffer.from(encodeEvent(event as never))).toEqual(Buffer.from(bytes));
    const { source } = event as { source: string };
    expect(shards.map(({ tenant, shards: of }) => shardOf(tenant, source, of))).toEqual(shards.map(({ shard }) => shard));
  });
});

describe('what was refused stays refused, for the same reason', () => {
  const expected = readJson<ExpectedRefusal[]>('refused/expected.json');

  test('every file is expected', () => {
    expect(files('refused').sort()).toEqual(expected.map(({ file }) => file).sort());
  });

  test.each(expected)('$file: $code', ({ file, code }) => {
    expect(decodeEvent(read(`refused/${file}`))).toMatchObject({ ok: false, code });
  });
});

test.each(EVENT_TYPES)('the JSON Schema of %s is the one that was published', (type) => {
  expect(JSON.parse(JSON.stringify(eventJsonSchema(type)))).toEqual(readJson(`schemas/${type}.json`));
});
