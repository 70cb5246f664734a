import { joinBatch, MEDIA_TYPE_BATCH } from '@recant/events';
import type { Outgoing, SendResult, Transport } from '../transport.ts';
import { dataKeyAt } from './data-key.ts';
import { durabilityAt } from './durability.ts';
import { leaseAt } from './lease.ts';
import { type LedgerAddress, requester } from './request.ts';
import { receiptsOf, refusalOf } from './response.ts';

export interface HttpTransportOptions extends LedgerAddress {}

/** Refusals of a whole batch that one event in it may have caused: the batch is sent again in halves. */
const SPLIT_AND_RETRY = new Set(['http_400', 'http_413', 'malformed_json', 'too_large', 'batch_too_long']);

/** Sends events in batches to `POST /v1/events`, parts to `PUT /v1/parts/<digest>`. @throws RecantError `options_invalid` */
export function httpTransport(options: HttpTransportOptions): Transport {
  const request = requester(options);

  const putPart = async (item: Outgoing, part: NonNullable<Outgoing['part']>, signal: AbortSignal): Promise<SendResult> => {
    const headers = { 'content-type': 'application/octet-stream', 'recant-salt': part.salt };
    const response = await request({ method: 'PUT', path: `v1/parts/${part.digest}`, headers, body: item.bytes }, signal);
    if (!response.ok) return refusalOf(response);
    await response.body?.cancel();
    return { kind: 'acknowledged' };
  };

  const postEvents = async (items: readonly Outgoing[], signal: AbortSignal, after?: string): Promise<readonly SendResult[]> => {
    const headers: Record<string, string> = { 'content-type': MEDIA_TYPE_BATCH };
    const traceparent = items.length === 1 ? items[0]?.traceparent : undefined;
    if (traceparent !== undefined) headers.traceparent = traceparent;
    if (after !== undefined) headers['recant-after'] = after;
    const response = await request(
      { method: 'POST', path: 'v1/events', headers, body: joinBatch(items.map(({ bytes }) => bytes)) },
      signal,
    );
    if (response.ok) return receiptsOf(response, items.length);
    const refusal = await refusalOf(response);
    if (items.length === 1 || !SPLIT_AND_RETRY.has(refusal.code)) return items.map(() => refusal);
    const half = items.length >> 1;
    return [...(await postEvents(items.slice(0, half), signal, after)), ...(await postEvents(items.slice(half), signal, after))];
  };

  return {
    async send(items, signal, after) {
      const results: SendResult[] = [];
      for (let from = 0; from < items.length; ) {
        const item = items[from] as Outgoing;
        if (item.part !== undefined) {
          results.push(await putPart(item, item.part, signal));
          from += 1;
          continue;
        }
        let to = from + 1;
        while (to < items.length && items[to]?.part === undefined) to += 1;
        results.push(...(await postEvents(items.slice(from, to), signal, after)));
        from = to;
      }
      return results;
    },
    durability: durabilityAt(options),
    lease: leaseAt(options),
    dataKey: dataKeyAt(options),
    close: async () => {},
  };
}
