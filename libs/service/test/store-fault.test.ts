import { expect, test } from 'vitest';
import { faultOfStore } from '../src/store-fault.ts';

const withCode = (code: string, more: object = {}) => Object.assign(new Error('x'), { code }, more);
const codeOf = (error: unknown) => faultOfStore(error)?.code;

const AWAY = [
  // The server ends, refuses or is not yet there.
  ...['57P01', '57P02', '57P03', '57P05', '57014', '08000', '08001', '08003', '08004', '08006', '08P01'],
  ...['53000', '53200', '53300', '53400', '58000', '58030', '28000', '28P01', '3D000'],
  // Locked, in conflict, taken back, read-only after a failover.
  ...['55P03', '55006', '40001', '40P01', '25P02', '25P03', '25P04', '25006'],
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['P1000', 'P1001', 'P1002', 'P1003', 'P1008', 'P1010', 'P1011', 'P1017', 'P1018', 'P2024', 'P2028', 'P2034', 'P2037'],
  ...['store_unavailable', 'unreachable', 'access_refused'],
];

test.each(AWAY)('%s, itself, as a cause or in Prisma’s errors, is a store that is away: 503', (code) => {
  expect(codeOf(withCode(code))).toBe('store_unavailable');
  expect(codeOf(new Error('outer', { cause: withCode('other', { cause: withCode(code) }) }))).toBe('store_unavailable');
  expect(codeOf(Object.assign(new Error('x'), { errorCode: code }))).toBe('store_unavailable');
  const cause = { kind: 'postgres', originalCode: code };
  expect(codeOf(withCode('P2010', { meta: { driverAdapterError: { name: 'DriverAdapterError', cause } } }))).toBe('store_unavailable');
  expect(faultOfStore(withCode(code))?.problem().retry).toBe('after');
});

test('a full disk is named, whatever else is wrong; a defect is none of the store', () => {
  expect(codeOf(withCode('store_unavailable', { cause: withCode('53100') }))).toBe('store_full');
  for (const code of ['22P02', '23505', '42P01', '42501', '42703', 'P2002', 'P2021', 'ENOENT', 'EACCES', 'ERR_INVALID_ARG_TYPE'])
    expect(codeOf(withCode(code))).toBeUndefined();
  const cyclic = new Error('cycle');
  cyclic.cause = cyclic;
  for (const error of [new TypeError('x'), cyclic, undefined, null, 'text', 1]) expect(codeOf(error)).toBeUndefined();
});
