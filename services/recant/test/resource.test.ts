import { expect, test } from 'vitest';
import { changesText, partText, plainText, resourceText, scopeNamed } from '../src/render/resource.ts';

test('resources with the same change share a line, and the common start of their names', () => {
  const resources = [1, 2, 3, 4].map((n) => `postgres://shop/public.items/${n}`);
  const change = { fate: 'restored' as const, parts: ['price'], rows: 4, resources };
  expect(changesText([change], 3)).toEqual(['shop items 1, 2, 3 and 1 more: price restored']);
  expect(changesText([{ ...change, rows: 9_000 }], 3)).toEqual(['shop items 1, 2, 3 and 8997 more: price restored']);
});

test('resources are shown as names', () => {
  expect(resourceText('filesystem://catalogue/old%20prices/a.txt')).toBe('catalogue old prices/a.txt');
  expect(resourceText('postgres://shop/sales.orders/a%2Cb,7')).toBe('shop sales.orders "a,b",7');
  expect(resourceText('postgres://shop/public.orders/a%2Cb')).toBe('shop orders "a,b"');
  expect(resourceText('postgres://shop/public.orders/7,8')).toBe('shop orders 7,8');
  expect(['%65xists', '100%25', 'price'].map(partText)).toEqual(['exists', '100%', 'price']);
  expect(resourceText('not a uri')).toBe('not a uri');
});

test('tables and folders have one spelling, which commands take back, also with slashes', () => {
  const scopes = ['filesystem://docs/', 'filesystem://docs/sub%20one/', 'postgres://shop/public.orders/', 'postgres://shop/sales.orders/'];
  expect(scopes.map(resourceText)).toEqual(['docs', 'docs sub one', 'shop orders', 'shop sales.orders']);
  for (const scope of scopes) for (const name of [scope, resourceText(scope)]) expect(scopeNamed(name, scopes)).toBe(scope);
  for (const name of ['docs/sub one', 'docs/sub one/', 'docs sub one/']) expect(scopeNamed(name, scopes)).toBe(scopes[1]);
  expect(scopeNamed('docs', scopes.slice(1))).toBe('filesystem://docs/');
  expect(scopeNamed('postgres://shop/public.orders/4', scopes)).toBe('postgres://shop/public.orders/4');
  expect(plainText('bot wrote price of postgres://shop/public.orders/4, and filesystem://docs/a.txt.')).toBe(
    'bot wrote price of shop orders 4, and docs a.txt.',
  );
});
