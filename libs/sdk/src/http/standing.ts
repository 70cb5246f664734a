import type { Transport } from '../transport.ts';
import { type LedgerAddress, requester } from './request.ts';
import { standingOf } from './response.ts';

/** Asks `GET /v1/standing`. @throws RecantError `options_invalid` */
export function standingAt(address: LedgerAddress): NonNullable<Transport['standing']> {
  const request = requester(address);
  return async (source, id, signal) =>
    standingOf(await request({ method: 'GET', path: `v1/standing?${new URLSearchParams({ source, id })}` }, signal));
}
