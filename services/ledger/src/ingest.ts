import { ApiFault, describeError, type ErrorCode, putPart, type ReceiptBody, submitEvents } from '@recant/api';
import { MEDIA_TYPE_BATCH, splitBatch } from '@recant/events';
import type { Credential, Receipt, Submission } from '@recant/ledger';
import { type BoundRoute, handle, KeyRefusal } from '@recant/service';
import type { Parts } from '@recant/store';
import type { GroupCommit } from './group-commit.ts';

export interface IngestDeps {
  readonly groupCommit: GroupCommit;
  readonly parts: Pick<Parts, 'put'>;
}

/** Events and parts over HTTP; answered after the commit. */
export function ingestRoutes({ groupCommit, parts }: IngestDeps): readonly BoundRoute[] {
  return [
    handle(submitEvents, async ({ headers, body, caller: { credential }, charge }) => {
      const after = headers['recant-after'];
      if (body.mediaType === MEDIA_TYPE_BATCH) {
        const batch = batchOf(body.bytes, credential, after);
        charge({ events: batch.length });
        const receipts = await groupCommit.submit(batch);
        checkKey(receipts);
        return { status: 200, body: { receipts: receipts.map(receiptBody) } };
      }
      charge({ events: 1 });
      const [receipt] = (await groupCommit.submit([submissionOf(body.bytes, credential, after)])) as readonly [Receipt];
      checkKey([receipt]);
      if (receipt.kind === 'refused') throw faultOf(receipt);
      if (receipt.kind === 'fenced') throw fencedFault(receipt);
      return receipt.kind === 'appended' ? { status: 201, body: receiptBody(receipt) } : { status: 200, body: receiptBody(receipt) };
    }),
    handle(putPart, async ({ params, headers, body, caller }) => {
      const salt = Buffer.from(headers['recant-salt'], 'base64url');
      const [outcome] = await parts.put(caller.tenant, [{ digest: params.digest, salt, bytes: body.bytes }]);
      if (outcome !== 'stored') throw new ApiFault('part_digest_mismatch', 'The digest in the path is not the SHA-256 of salt and bytes.');
      return { status: 204 };
    }),
  ];
}

function submissionOf(bytes: Uint8Array, credential: Credential, after: string | undefined): Submission {
  return { credential, bytes, origin: 'http', ...(after === undefined ? {} : { after }) };
}

function batchOf(bytes: Uint8Array, credential: Credential, after: string | undefined): readonly Submission[] {
  const split = splitBatch(bytes);
  if (!split.ok) throw new ApiFault(split.code, split.detail);
  const batch = Symbol('batch');
  return split.events.map((event) => ({ ...submissionOf(event, credential, after), batch }));
}

function receiptBody(receipt: Receipt): ReceiptBody {
  if (receipt.kind === 'held') throw new TypeError('an event over HTTP was held');
  const place = receipt.index === undefined ? {} : { shard: receipt.shard, index: Number(receipt.index) };
  if (receipt.kind === 'fenced') {
    const { fence, detail } = receipt;
    return { kind: 'refused', ...place, code: 'fenced', detail, action: describeError('fenced').action, fence };
  }
  if (receipt.kind !== 'refused') return { kind: receipt.kind, ...place };
  const { code, detail } = receipt.refusal;
  return { kind: 'refused', ...place, code, detail, action: describeError(code).action };
}

/**
 * If the key ended before any of the batch was recorded, the answer is that of a later request with this key. A key that expires is refused by each log's own
 * time, so a part may be recorded: then each receipt says what became of its event.
 */
function checkKey(receipts: readonly Receipt[]): void {
  const [first] = receipts;
  if (receipts.every(isKeyRefusal) && first?.kind === 'refused') throw new KeyRefusal(first.refusal.detail);
}

const isKeyRefusal = (receipt: Receipt): boolean => receipt.kind === 'refused' && receipt.refusal.code === 'unauthenticated';

function fencedFault({ shard, index, detail }: Extract<Receipt, { kind: 'fenced' }>): ApiFault {
  return new ApiFault('fenced', detail, { entry: { shard, index: Number(index) } });
}

/** Maps a refusal to an API error; `satisfies` checks that each refusal code is an API code. */
function faultOf({ refusal, shard, index }: Extract<Receipt, { kind: 'refused' }>): ApiFault {
  const entry = shard === undefined ? {} : { entry: { shard, index: Number(index) } };
  return new ApiFault(refusal.code satisfies ErrorCode, refusal.detail, entry);
}
