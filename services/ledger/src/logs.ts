import { listDeadLetters, listLogs, PAGE_ITEMS_DEFAULT } from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { DeadLetterSummary, Queries } from '@recant/store';

/** Logs and dead letters of the caller's tenant. */
export function logRoutes(queries: Queries): readonly BoundRoute[] {
  return [
    handle(listLogs, async ({ caller }) => {
      const logs = await queries.logs(caller.tenant);
      return {
        status: 200,
        body: { items: logs.map(({ shard, shards, epoch, size, root }) => ({ shard, shards, epoch, size: Number(size), root })) },
      };
    }),
    handle(listDeadLetters, async ({ caller, query, signal }) => {
      const page = await queries.deadLetters(caller.tenant, {
        limit: query.limit ?? PAGE_ITEMS_DEFAULT,
        signal,
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
        ...(query.code === undefined ? {} : { codes: query.code }),
      });
      return {
        status: 200,
        body: { items: page.deadLetters.map(deadLetterBody), ...(page.next === undefined ? {} : { next: page.next }) },
      };
    }),
  ];
}

function deadLetterBody({ shard, index, code, detail, origin, keyId, digest, bytes, receivedAtMs }: DeadLetterSummary) {
  return {
    shard,
    index: Number(index),
    code,
    detail,
    origin,
    key: keyId,
    size: bytes.length,
    digest,
    receivedAt: new Date(receivedAtMs).toISOString(),
    bytes: Buffer.from(bytes).toString('base64'),
  };
}
