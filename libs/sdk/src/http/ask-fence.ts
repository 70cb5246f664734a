import { type Transport, TransportError } from '../transport.ts';
import { type LedgerAddress, requester } from './request.ts';
import { memberOf, readJson, refusalOf, textOf } from './response.ts';

/** Asks `POST /v1/fences/ask`. @throws RecantError `options_invalid` */
export function askFenceAt(address: LedgerAddress): NonNullable<Transport['askFence']> {
  const request = requester(address);
  return async (call, signal) => {
    const body = new TextEncoder().encode(JSON.stringify(call));
    const response = await request(
      { method: 'POST', path: 'v1/fences/ask', headers: { 'content-type': 'application/json' }, body },
      signal,
    );
    if (!response.ok) {
      const { code, detail } = await refusalOf(response);
      throw new TransportError(`the ledger did not say whether a fence stops the call (${code}): ${detail}`);
    }
    const answer = await readJson(response);
    const fenced = memberOf(answer, 'fenced');
    if (typeof fenced !== 'boolean') throw new TransportError('invalid answer of the ledger: no answer about a fence');
    return fenced ? { fence: textOf(answer, 'fence') ?? '', detail: textOf(answer, 'detail') ?? '' } : undefined;
  };
}
