import type { Transport } from '../transport.ts';
import { type LedgerAddress, requester } from './request.ts';
import { durabilityOf } from './response.ts';

/** Asks `GET /v1/durability`. @throws RecantError `options_invalid` */
export function durabilityAt(address: LedgerAddress): NonNullable<Transport['durability']> {
  const request = requester(address);
  return async (source, id, signal) =>
    durabilityOf(await request({ method: 'GET', path: `v1/durability?${new URLSearchParams({ source, id })}` }, signal));
}
