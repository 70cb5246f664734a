import type { SourceBody } from '@recant/api';
import { expect, test } from 'vitest';
import { sourcesText } from '../src/cli/commands/sources.ts';

const SOURCE: SourceBody = {
  source: 'recant://bot/1',
  shard: 0,
  agent: 'bot',
  state: 'lost',
  receivedAt: '2026-11-01T12:00:00.000Z',
  leaseMs: 30_000,
  events: 5,
  last: 9,
  holes: 3,
  missing: 4,
  holesShown: [
    { first: 4, last: 4 },
    { first: 7, last: 8 },
  ],
  late: 1,
  repeated: 0,
  equivocations: 2,
};
const plain = (_style: unknown, text: string) => text;

test('a source is one row, and its missing numbers are one line of ranges', () => {
  const text = sourcesText({ items: [{ ...SOURCE, restartOf: 'recant://bot/0' }] }, true, plain);
  expect(text.split('\n')).toEqual([
    expect.stringMatching(/^last event +agent +state +events +gaps +late +duplicate +equivocal +source$/),
    expect.stringMatching(/^2026-11-01 12:00:00 UTC +bot +lost +5 +3 +1 +0 +2 +recant:\/\/bot\/1 \(restarted\)$/),
    'recant://bot/1: 4 missing: 4, 7–8, and 1 more ranges',
    '',
  ]);
});

test('no control character from a source reaches the terminal', () => {
  const text = sourcesText({ items: [{ ...SOURCE, source: 'x\u001b[2J', agent: '\u0007' }] }, true, plain);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
});
