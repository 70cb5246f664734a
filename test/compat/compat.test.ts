import { readdirSync, readFileSync } from 'node:fs';
import { type ApiKey, decodeEvent, encodeEvent, macSecretOf, messageMac, parseApiKey, shardOf, splitBatch } from '@recant/events';
import { EVENT_TYPES, eventJsonSchema } from '@recant/events/schemas';
import { describe, expect, test } from 'vitest';
import type { ExpectedMessage } from './messages.ts';
import type { ExpectedEvent, ExpectedRefusal } from './write.ts';

const read = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, import.meta.url)));
const readJson = <T>(path: string): T => JSON.parse(Buffer.from(read(path)).toString()) as T;
const files = (folder: string): string[] => readdirSync(new URL(folder, import.meta.url)).filter((name) => name.endsWith('.event'));

describe('released events stay readable', () => {
  const expected = readJson<ExpectedEvent[]>('v1/expected.json');

  test('every file is listed, and every type has one', () => {
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

describe('messages stay readable, with the same MAC', () => {
  const expected = readJson<ExpectedMessage[]>('messages/expected.json');

  test('every file is listed', () => {
    const found = readdirSync(new URL('messages', import.meta.url)).filter((name) => !name.endsWith('.json'));
    expect(found.sort()).toEqual(expected.map(({ file }) => file).sort());
  });

  test.each(expected)('$file', ({ file, apiKey, kind, mac, events }) => {
    const value = read(`messages/${file}`);
    const { secret } = parseApiKey(apiKey) as ApiKey;
    expect(messageMac(macSecretOf(secret), kind, value)).toBe(mac);
    const split = kind === 'events' ? splitBatch(value) : { ok: true, events: [] };
    expect(split).toEqual({ ok: true, events: events.map((name) => read(`v1/${name}`)) });
  });
});

describe('refused bytes stay refused, with the same code', () => {
  const expected = readJson<ExpectedRefusal[]>('refused/expected.json');

  test('every file is listed', () => {
    expect(files('refused').sort()).toEqual(expected.map(({ file }) => file).sort());
  });

  test.each(expected)('$file: $code', ({ file, code }) => {
    expect(decodeEvent(read(`refused/${file}`))).toMatchObject({ ok: false, code });
  });
});

test.each(EVENT_TYPES)('the JSON Schema of %s equals the published one', (type) => {
  expect(JSON.parse(JSON.stringify(eventJsonSchema(type)))).toEqual(readJson(`schemas/${type}.json`));
});
