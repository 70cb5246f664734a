import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isIpv4, isIpv6 } from '../src/ip.ts';

const versionOf = (text: string): number => (isIpv4(text) ? 4 : isIpv6(text) ? 6 : 0);

test.for([
  ...['::', '::1', '1::', '1::8', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8', '1:2:3:4:5:6:7::8', '1::2::3', ':::', ':', ''],
  ...[
    '::ffff:192.0.2.1',
    '1:2:3:4:5:6:192.0.2.1',
    '1:2:3:4:5:6:7:192.0.2.1',
    '192.0.2.1::',
    '1:192.0.2.1:2::',
    '::192.0.2',
    '12345::',
    'g::',
  ],
  ...['192.0.2.1', '192.0.2.256', '192.0.2.01', '192.0.2', '192.0.2.1.1', '255.255.255.255', '0.0.0.0'],
])('%s is judged as Node judges it', (text) => {
  expect(versionOf(text)).toBe(isIP(text));
});

test('random combinations of address fragments get the same verdict as in Node', () => {
  const piece = fc.constantFrom(':', '::', '.', '0', '00', '1', '25', '255', '256', 'ab', 'F00D', '12345', '192.0.2.1');
  const pieces = fc.array(piece, { maxLength: 17 }).map((all) => all.join(''));
  const groups = fc.array(fc.constantFrom('1', 'ab', 'f00d', ''), { maxLength: 9 }).map((all) => all.join(':'));
  fc.assert(
    fc.property(fc.oneof(pieces, groups, fc.ipV6(), fc.ipV4()), (text) => {
      expect(versionOf(text)).toBe(isIP(text));
    }),
    { numRuns: 5_000 },
  );
});
