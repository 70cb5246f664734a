import { PART_BYTES_MAX, partDigest } from '@recant/events';
import type pg from 'pg';

/** Sorted, so that two batches with the same parts cannot deadlock. */
const PUT_PARTS = `INSERT INTO recant.part (tenant_id, digest, salt, bytes)
  SELECT $1, p.* FROM unnest($2::bytea[], $3::bytea[], $4::bytea[]) AS p (digest, salt, bytes) ORDER BY digest ON CONFLICT DO NOTHING`;
const GET_PART = 'SELECT salt, bytes FROM recant.part WHERE tenant_id = $1 AND digest = $2';

export type PartReceipt = 'stored' | 'too_large' | 'digest_mismatch';

export interface StoredPart {
  readonly salt: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface NewPart extends StoredPart {
  /** Lower-case hex SHA-256 of salt ‖ bytes. */
  readonly digest: string;
}

/** Content stored outside its event, by salted digest. Durable when `put` resolves; idempotent: the digest fixes salt and bytes. */
export interface Parts {
  /** One statement for all parts; receipts in order. */
  put(tenant: string, parts: readonly NewPart[]): Promise<readonly PartReceipt[]>;
  get(tenant: string, digest: string): Promise<StoredPart | undefined>;
}

export function createParts(pool: pg.Pool): Parts {
  return {
    async put(tenant, parts) {
      const receipts = parts.map(receiptOf);
      const accepted = parts.filter((_part, n) => receipts[n] === 'stored');
      if (accepted.length > 0) await pool.query(PUT_PARTS, [tenant, ...columnsOf(accepted)]);
      return receipts;
    },
    async get(tenant, digest) {
      const { rows } = await pool.query(GET_PART, [tenant, Buffer.from(digest, 'hex')]);
      return rows[0] as StoredPart | undefined;
    },
  };
}

function receiptOf({ digest, salt, bytes }: NewPart): PartReceipt {
  if (bytes.length > PART_BYTES_MAX) return 'too_large';
  return partDigest(salt, bytes) === digest ? 'stored' : 'digest_mismatch';
}

function columnsOf(parts: readonly NewPart[]): readonly (readonly Buffer[])[] {
  const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [
    parts.map(({ digest }) => Buffer.from(digest, 'hex')),
    parts.map(({ salt }) => bufferOf(salt)),
    parts.map(({ bytes }) => bufferOf(bytes)),
  ];
}
