import { StoreError } from '../error.ts';
import type { PrismaClient } from '../generated/client.ts';
import { READER_ROLE } from '../migration/roles.ts';
import { SHARD_MAX } from './cursor.ts';

export interface LogSummary {
  readonly shard: number;
  readonly shards: number;
  readonly epoch: number;
  readonly size: bigint;
  /** Lower-case hex RFC 6962 root. */
  readonly root: string;
  /** Milliseconds since 1970, UTC. */
  readonly receivedAtLastMs: number;
}

export interface DeadLetterSummary {
  readonly shard: number;
  readonly index: bigint;
  readonly code: string;
  readonly detail: string;
  readonly origin: string;
  /** Empty if the sender could not be identified. */
  readonly keyId: string;
  /** Lower-case hex SHA-256 of the message. */
  readonly digest: string;
  /** The message as received. */
  readonly bytes: Uint8Array;
  readonly receivedAtMs: number;
}

export interface DeadLetterQuery {
  readonly limit: number;
  readonly cursor?: string;
  /** Only these refusal codes. */
  readonly codes?: readonly string[];
}

export interface DeadLetterPage {
  readonly deadLetters: readonly DeadLetterSummary[];
  readonly next?: string;
}

/** Non-empty logs of a tenant, ascending by shard. */
export async function listLogs(prisma: PrismaClient, tenant: string): Promise<readonly LogSummary[]> {
  const find = prisma.log.findMany({ where: { tenantId: tenant, size: { gt: 0 } }, orderBy: { shard: 'asc' } });
  const [, rows] = await prisma.$transaction([becomeReader(prisma, tenant), find]);
  return rows.map(({ shard, shards, epoch, size, root, receivedAtLast }) => ({
    shard,
    shards,
    epoch,
    size,
    root: Buffer.from(root).toString('hex'),
    receivedAtLastMs: receivedAtLast.getTime(),
  }));
}

/** Dead letters of a tenant, ascending by (shard, index). @throws StoreError `cursor_invalid` */
export async function listDeadLetters(
  prisma: PrismaClient,
  tenant: string,
  { limit, cursor, codes }: DeadLetterQuery,
): Promise<DeadLetterPage> {
  const after = cursor === undefined ? undefined : parsePlace(cursor);
  const find = prisma.deadLetter.findMany({
    where: {
      tenantId: tenant,
      ...(codes && { code: { in: [...codes] } }),
      ...(after && { OR: [{ shard: after.shard, idx: { gt: after.idx } }, { shard: { gt: after.shard } }] }),
    },
    orderBy: [{ shard: 'asc' }, { idx: 'asc' }],
    take: limit + 1,
  });
  const [, rows] = await prisma.$transaction([becomeReader(prisma, tenant), find]);
  const deadLetters = rows.slice(0, limit).map((row) => ({
    shard: row.shard,
    index: row.idx,
    code: row.code,
    detail: row.detail,
    origin: row.origin,
    keyId: row.keyId,
    digest: Buffer.from(row.digest).toString('hex'),
    bytes: row.bytes,
    receivedAtMs: row.receivedAt.getTime(),
  }));
  const last = deadLetters.at(-1);
  return rows.length <= limit || last === undefined ? { deadLetters } : { deadLetters, next: `${last.shard}.${last.index}` };
}

/** Like `asReader`, as the first statement of a Prisma transaction. */
function becomeReader(prisma: PrismaClient, tenant: string) {
  return prisma.$executeRaw`SELECT set_config('recant.tenant', ${tenant}, true), set_config('role', ${READER_ROLE}, true)`;
}

function parsePlace(cursor: string): { shard: number; idx: bigint } {
  const match = /^([0-9]{1,5})\.([0-9]{1,18})$/.exec(cursor);
  if (match === null || Number(match[1]) > SHARD_MAX)
    throw new StoreError('cursor_invalid', 'Invalid cursor: start again without a cursor.');
  return { shard: Number(match[1]), idx: BigInt(match[2] as string) };
}
