import { expect, test } from 'vitest';
import { keyRequest } from '../src/cli/commands/keys.ts';

test.each([
  [['pricing-bot'], 'recant://pricing-bot'],
  [['büro bot/2'], 'recant://b%C3%BCro%20bot%2F2'],
  [['team-*'], 'recant://'],
  [['a', 'b'], 'recant://'],
])('a key for %j covers the sources of the SDK', (agent, prefix) => {
  expect(keyRequest({ agent }).sourcePrefix).toBe(prefix);
});

test('an agent key without an agent is refused', () => {
  expect(() => keyRequest({})).toThrow(/needs --agent/);
  expect(keyRequest({ role: ['view'] })).toMatchObject({ roles: ['view'], agents: [] });
});
