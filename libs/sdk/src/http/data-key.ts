import { DATA_KEY_BYTES, isDataKeyId } from '@recant/events';
import type { MakeDataKey, SealingKey } from '../sealing/sealer.ts';
import { TransportError } from '../transport.ts';
import { type LedgerAddress, requester } from './request.ts';
import { readJson, refusalOf, textOf } from './response.ts';

/** Gets data keys from `POST /v1/data-keys`. @throws RecantError `options_invalid` */
export function dataKeyAt(address: LedgerAddress): MakeDataKey {
  const request = requester(address);
  return async (subject, signal) => {
    const headers = { 'content-type': 'application/json' };
    const body = new TextEncoder().encode(JSON.stringify({ subject }));
    const response = await request({ method: 'POST', path: 'v1/data-keys', headers, body }, signal);
    if (response.status === 201) return keyOf(await readJson(response));
    const { code, detail } = await refusalOf(response);
    throw new TransportError(`the ledger refused to issue a data key (${code}): ${detail}`);
  };
}

/** @throws TransportError for a malformed answer */
function keyOf(answer: unknown): SealingKey {
  const [keyId, tenant] = [textOf(answer, 'keyId') ?? '', textOf(answer, 'tenant')];
  const key = new Uint8Array(Buffer.from(textOf(answer, 'key') ?? '', 'base64'));
  if (!isDataKeyId(keyId) || key.length !== DATA_KEY_BYTES || tenant === undefined)
    throw new TransportError('invalid answer of the ledger: no data key');
  return { keyId, key, tenant };
}
