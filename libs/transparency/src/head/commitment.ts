import { type Bytes, sha256 } from '#crypto';
import { concatBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { HASH_BYTES, requireHash } from '../hash.ts';
import { encodeBase64 } from '../text/base64.ts';
import { encodeUtf8 } from '../text/utf8.ts';
import { requireSize } from '../tree/nodes.ts';

/** One log of a tenant at a publication. */
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
 * Canonical text of a tenant's heads: a header, the tenant, and one line per log, sorted by epoch and shard: `<epoch> <shard> <size> <base64 root>`.
 * @throws head_invalid, hash_invalid, index_out_of_range
 */
export function formatTenantHeads({ tenant, logs }: TenantHeads): string {
  if (tenant === '' || tenant.includes('\n')) throw new TransparencyError('head_invalid', 'a tenant name must be one non-empty line');
  const sorted = logs.toSorted((one, other) => one.epoch - other.epoch || one.shard - other.shard);
  const lines = sorted.map(({ epoch, shard, size, root }, at) => {
    const before = sorted[at - 1];
    const counted = [epoch, shard].every((number) => Number.isSafeInteger(number) && number >= 0);
    if (!counted || (before?.epoch === epoch && before.shard === shard)) {
      throw new TransparencyError('head_invalid', `duplicate or invalid log: shard ${shard}, epoch ${epoch}`);
    }
    requireSize(size);
    requireHash(root, `the root of shard ${shard}`);
    return `${epoch} ${shard} ${size} ${encodeBase64(root)}\n`;
  });
  return `${HEADER}\n${tenant}\n${lines.join('')}`;
}

/**
 * SHA-256(salt ‖ text of the heads): the tenant's leaf in the tree of heads. It reveals nothing without the salt.
 * @param salt 32 bytes, used for this tenant and this publication only
 */
export function commitHeads(heads: TenantHeads, salt: Uint8Array): Bytes {
  requireHash(salt, 'a salt');
  return sha256(concatBytes([salt, encodeUtf8(formatTenantHeads(heads))]));
}

/**
 * Derives a tenant's salt for a publication. The outer hash has a fixed-length input, so no salt can be derived from another.
 * @param secret 32 bytes, known to the publisher only
 */
export function headSalt(secret: Uint8Array, publication: bigint, tenant: string): Bytes {
  return derive(secret, `salt\n${publication}\n${tenant}`);
}

/** Content of a slot without a tenant: indistinguishable from a commitment, and different at each publication. */
export function headPadding(secret: Uint8Array, publication: bigint, slot: number): Bytes {
  return derive(secret, `padding\n${publication}\n${slot}`);
}

function derive(secret: Uint8Array, context: string): Bytes {
  if (secret.length !== HASH_BYTES)
    throw new TransparencyError('key_invalid', `head secret: expected ${HASH_BYTES} bytes, got ${secret.length}`);
  return sha256(concatBytes([secret, sha256(encodeUtf8(`recant-head/v1\n${context}`))]));
}
