import { expect, test } from 'vitest';
import { isPlainName } from '../src/index.ts';

test.each(['bot', 'nores bot', 'Überprüfer', 'ценовой бот', '価格ボット', 'agent-7', 'recant://shop/1', 'naïve'])(
  '%s is a plain name',
  (name) => {
    expect(isPlainName(name)).toBe(true);
  },
);

test.each([
  ['empty', ''],
  ['space before', ' bot'],
  ['space after', 'bot '],
  ['zero-width space', 'bo\u200bt'],
  ['zero-width joiner', 'bo\u200dt'],
  ['soft hyphen', 'bo\u00adt'],
  ['right-to-left override', 'bo\u202et'],
  ['no-break space', 'bo\u00a0t'],
  ['variation selector', 'bot\ufe0f'],
  ['Hangul filler', 'bot\u3164'],
  ['tag', 'bot\u{e0041}'],
  ['decomposed', 'nai\u0308ve'],
  ['Cyrillic o in Latin', 'b\u043et'],
  ['Greek o in Latin', 'b\u03bft'],
])('V11: %s is refused', (_what, name) => {
  expect(isPlainName(name)).toBe(false);
});
