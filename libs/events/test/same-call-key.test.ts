import { sameCallKey } from '@recant/events';
import { expect, test } from 'vitest';

const call = { tool: 'pay', resources: ['api://bank/b', 'api://bank/a'], arguments: { inline: { order: 7, cents: 100 } } };

test('a call is the same one with equal tool, arguments and set of resources, in any order', () => {
  const same = { ...call, resources: ['api://bank/a', 'api://bank/b', 'api://bank/a'], arguments: { inline: { cents: 100, order: 7 } } };
  expect(sameCallKey(same)).toBe(sameCallKey(call));
  const others = [
    { ...call, tool: 'refund' },
    { ...call, resources: ['api://bank/a'] },
    { ...call, arguments: { inline: { order: 7 } } },
    { ...call, arguments: { inline: { order: '7', cents: 100 } } },
    { ...call, arguments: { inline: {} } },
  ];
  expect(new Set([call, ...others].map(sameCallKey)).size).toBe(6);
});

test('arguments in a part, and a call with neither arguments nor resources, compare with nothing', () => {
  expect(sameCallKey({ ...call, arguments: { part: { digest: 'a'.repeat(64), salt: 's', size: 9 } } })).toBeUndefined();
  expect(sameCallKey({ tool: 'pay', resources: [], arguments: { inline: {} } })).toBeUndefined();
  expect(sameCallKey({ tool: 'pay', resources: [], arguments: { inline: { order: 7 } } })).toBeDefined();
});
