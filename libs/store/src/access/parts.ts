import { PART_BYTES_MAX, partDigest } from '@recant/events';
import type pg from 'pg';

const PUT_PART = 'INSERT INTO recant.part (tenant_id, digest, salt, bytes) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING';
const GET_PART = 'SELECT salt, bytes FROM recant.part WHERE tenant_id = $1 AND digest = $2';

export type PartReceipt = 'stored' | 'too_large' | 'digest_mismatch';

export interface StoredPart {
  readonly salt: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Content stored outside its event, by salted digest. Durable when `put` resolves; idempotent: the digest fixes salt and bytes. */
export interface Parts {
  /** @param digest lower-case hex SHA-256 of salt ‖ bytes */
  put(tenant: string, digest: string, part: StoredPart): Promise<PartReceipt>;
  get(tenant: string, digest: string): Promise<StoredPart | undefined>;
}

export function createParts(pool: pg.Pool): Parts {
  return {
    async put(tenant, digest, { salt, bytes }) {
      if (bytes.length > PART_BYTES_MAX) return 'too_large';
      if (partDigest(salt, bytes) !== digest) return 'digest_mismatch';
      await pool.query(PUT_PART, [tenant, Buffer.from(digest, 'hex'), salt, bytes]);
      return 'stored';
    },
    async get(tenant, digest) {
      const { rows } = await pool.query(GET_PART, [tenant, Buffer.from(digest, 'hex')]);
      return rows[0] as StoredPart | undefined;
    },
  };
}
