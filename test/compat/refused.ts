import { canonicalize, type EventErrorCode, type RecantEvent } from '@recant/events';
import { examples } from '../../libs/events/test/examples.ts';

const example = (name: string): RecantEvent => (examples.find((one) => one.name === name) as (typeof examples)[number]).event;
const text = canonicalize(example('settled-least') as never);
const intended = example('intended-least');
const changed = (event: RecantEvent, change: object): string => canonicalize({ ...event, ...change } as never);
const changedData = (change: object): string => changed(intended, { data: { ...intended.data, ...change } });

/** Bytes that no version may accept, with their error code. */
export const REFUSED: readonly (readonly [string, EventErrorCode, string | Uint8Array])[] = [
  ['too-large', 'too_large', text.padEnd(65_001)],
  ['too-deep', 'too_deep', '['.repeat(33) + ']'.repeat(33)],
  ['truncated', 'malformed_json', text.slice(0, 100)],
  ['not-utf8', 'malformed_json', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['byte-order-mark', 'malformed_json', `\ufeff${text}`],
  ['white-space', 'not_canonical', JSON.stringify(JSON.parse(text), null, 1)],
  ['unsorted', 'not_canonical', text.replace('"agent":"agent-7",', '').replace('{', '{"zgent":1,')],
  ['minus-zero', 'not_canonical', text.replace('"durationMs":0', '"durationMs":-0')],
  ['duplicate-key', 'not_i_json', text.replace('{', '{"agent":"other",')],
  ['lone-surrogate', 'not_i_json', text.replace('agent-7', '\\ud800')],
  ['nul', 'not_i_json', text.replace('agent-7', '\\u0000')],
  ['number-out-of-range', 'not_i_json', text.replace('"durationMs":0', '"durationMs":1e400')],
  ['foreign-member', 'schema_invalid', changed(intended, { tenant: 'other' })],
  ['foreign-data', 'schema_invalid', changedData({ sql: 'DROP TABLE orders' })],
  ['no-zone', 'schema_invalid', changed(intended, { time: '2026-11-23T09:30:00.000' })],
  ['future-version', 'version_unknown', changed(intended, { type: 'recant.attempt.intended.v2' })],
  ['foreign-type', 'type_unknown', changed(intended, { type: 'com.example.something' })],
  ['resource-url', 'resource_invalid', changedData({ resources: ['https://example.org/?a=b'] })],
  ['resource-climbs', 'resource_invalid', changedData({ resources: ['filesystem://notes/../etc/passwd'] })],
  ['foreign-id', 'id_mismatch', changed(intended, { id: 'another' })],
];
