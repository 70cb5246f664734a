import { type AttemptObserved, actionOfTransaction, type Effect, encodeEvent, eventId, formatSequence } from '@recant/events';
import { describe, expect, test } from 'vitest';
import { admit, type Credential } from '../src/index.ts';

const SOURCE = 'recant://recant/drain/shop';
const FROM = '2026-11-01T12:00:00.000Z';
const data: AttemptObserved = {
  action: actionOfTransaction('1/shop', '1/42', Date.parse(FROM)),
  attempt: 1,
  system: 'shop',
  transaction: '1/42',
  login: 'pricing_bot',
  agent: 'pricing',
  from: FROM,
  to: FROM,
  chunk: 0,
  chunks: 1,
  effects: [],
};
const drain: Credential = {
  tenant: 'acme',
  keyId: 'drain1',
  roles: ['rollback'],
  sourcePrefix: 'recant://recant',
  agents: ['recant'],
  resources: [],
};
const effectOn = (resource: string, connector = 'postgres'): Effect => ({
  resource,
  operation: 'update',
  ordinal: '1',
  parts: {},
  compensation: { connector, images: ['1'] },
});
const bytesOf = (over: Partial<AttemptObserved> = {}, agent = 'recant', source = SOURCE): Uint8Array =>
  encodeEvent({
    specversion: '1.0',
    id: eventId.observed({ ...data, ...over }),
    source,
    type: 'recant.attempt.observed.v1',
    time: FROM,
    sequence: formatSequence(1),
    agent,
    data: { ...data, ...over },
  });

describe('what a target observed', () => {
  test('is accepted from a key with the role rollback, for any agent and any source of the attempt', () => {
    const named = { of: 'recant://pricing/1', agent: 'pricing', effects: [effectOn('postgres://shop/public.orders/1')] };
    expect(admit(bytesOf(), drain)).toMatchObject({ ok: true });
    expect(admit(bytesOf(named), drain)).toMatchObject({ ok: true });
  });

  test.each([['emit'], ['view', 'plan', 'execute', 'export', 'administer', 'unseal', 'approve', 'emit']] as const)(
    'I14: is refused from a key with only the roles %s and more, whatever agent and source it may use',
    (...roles) => {
      const agent: Credential = { ...drain, keyId: 'bot1', roles, sourcePrefix: 'recant:', agents: ['*'] };
      for (const forged of [bytesOf(), bytesOf({}, 'pricing', 'recant:'), bytesOf({ of: 'recant://victim/1' }, 'pricing', 'recant:/x')])
        expect(admit(forged, agent)).toMatchObject({ ok: false, refusal: { code: 'role_missing' } });
    },
  );

  test.each([
    ['another system', effectOn('postgres://other/public.orders/1')],
    ['a system whose name begins alike', effectOn('postgres://shop2/public.orders/1')],
    ['another connector in the compensation', effectOn('postgres://shop/public.orders/1', 'filesystem')],
  ])('is refused with an effect that names %s', (_, effect) => {
    expect(admit(bytesOf({ effects: [effect] }), drain)).toMatchObject({ ok: false, refusal: { code: 'resource_invalid' } });
  });
});

test('an unnamed transaction has one action, and another transaction or database another one', () => {
  const at = Date.parse(FROM);
  expect(actionOfTransaction('1/shop', '1/42', at)).toBe(data.action);
  const others = [
    actionOfTransaction('1/shop', '1/43', at),
    actionOfTransaction('1/shop', '2/42', at),
    actionOfTransaction('2/shop', '1/42', at),
  ];
  expect(new Set([data.action, ...others]).size).toBe(4);
});
