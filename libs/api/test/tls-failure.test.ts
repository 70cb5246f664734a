import { explainTls } from '@recant/api';
import { expect, test } from 'vitest';

const settings = { trust: 'name the authority', certificate: 'show one' };
const of = (code: string) => explainTls(new Error('x', { cause: Object.assign(new Error('y'), { code }) }), settings);

test('each TLS failure has a reason and advice; other errors are not explained as TLS failures', () => {
  expect(of('CERT_HAS_EXPIRED')).toBe('its certificate has expired: renew it, or check the clock');
  expect(of('SELF_SIGNED_CERT_IN_CHAIN')).toMatch(/: name the authority$/);
  for (const version of ['SSLV3', 'TLSV13', 'SSL/TLS'])
    expect(of(`ERR_SSL_${version}_ALERT_BAD_CERTIFICATE`)).toBe('it requires a client certificate: show one');
  expect([of('ECONNREFUSED'), of('toString'), of('ALERT'), explainTls('text', settings), explainTls(undefined, settings)]).toEqual(
    Array(5).fill(undefined),
  );
  const circle = new Error('z');
  circle.cause = circle;
  expect(explainTls(circle, settings)).toBeUndefined();
});
