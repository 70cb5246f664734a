import { type Bytes, sha256 } from '#crypto';
import { concatBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { HASH_BYTES, requireHash } from '../hash.ts';
import { encodeBase64 } from '../text/base64.ts';
import { encodeUtf8 } from '../text/utf8.ts';
import { requireSize } from '../tree/nodes.ts';

/** One log of a tenant as a publication found it. */
export interface LogHead {
  readonly shard: number;
  readonly epoch: number;
  readonly size: bigint;
  readonly root: Uint8Array;
}

export interface TenantHeads {
  readonly tenant: string;
  /** In any order; each (epoch, shard) once. */
  readonly logs: readonly LogHead[];
}

const HEADER = 'recant-tenant-heads/v1';

/**
 * The one text of a tenant's heads: a header, the tenant, and for each log, by epoch and shard, `<epoch> <shard> <size> <base64 root>`.
 * @throws head_invalid, hash_invalid, index_out_of_range
 */
export function formatTenantHeads({ tenant, logs }: TenantHeads): string {
  if (tenant === '' || tenant.includes('\n')) throw new TransparencyError('head_invalid', 'a tenant has a name of one line');
  const sorted = logs.toSorted((one, other) => one.epoch - other.epoch || one.shard - other.shard);
  const lines = sorted.map(({ epoch, shard, size, root }, at) => {
    const before = sorted[at - 1];
    const counted = [epoch, shard].every((number) => Number.isSafeInteger(number) && number >= 0);
    if (!counted || (before?.epoch === epoch && before.shard === shard)) {
      throw new TransparencyError('head_invalid', `the log of shard ${shard}, epoch ${epoch}, is there twice or is none`);
    }
    requireSize(size);
    requireHash(root, `the root of shard ${shard}`);
    return `${epoch} ${shard} ${size} ${encodeBase64(root)}\n`;
  });
  return `${HEADER}\n${tenant}\n${lines.join('')}`;
}

/**
 * SHA-256(salt ‖ text of the heads): the tenant's entry in the tree of heads. It says nothing to whoever lacks the salt.
 * @param salt 32 bytes, of this tenant and this publication only.
 */
export function commitHeads(heads: TenantHeads, salt: Uint8Array): Bytes {
  requireHash(salt, 'a salt');
  return sha256(concatBytes([salt, encodeUtf8(formatTenantHeads(heads))]));
}

/**
 * A tenant's salt at a publication, from one secret. The outer hash is over a fixed length, so one salt leads to no other.
 * @param secret 32 bytes, the publisher's.
 */
export function headSalt(secret: Uint8Array, publication: bigint, tenant: string): Bytes {
  return derive(secret, `salt\n${publication}\n${tenant}`);
}

/** What stands in a slot without a tenant: to others it looks like a commitment, and changes as one does. */
export function headPadding(secret: Uint8Array, publication: bigint, slot: number): Bytes {
  return derive(secret, `padding\n${publication}\n${slot}`);
}

function derive(secret: Uint8Array, context: string): Bytes {
  if (secret.length !== HASH_BYTES) throw new TransparencyError('key_invalid', `the secret of the heads has ${HASH_BYTES} bytes`);
  return sha256(concatBytes([secret, sha256(encodeUtf8(`recant-head/v1\n${context}`))]));
}
