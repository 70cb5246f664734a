import { createHash } from 'node:crypto';
import type { Signer } from '@recant/ledger';
import { type BundleRecord, encodeRecord, MAGIC } from './format.ts';
import { parseJsonRecord } from './json-record.ts';
import { type BundleCounts, encodeStatement } from './statement.ts';

/**
 * Joins records and signs them without any check, as somebody with the ledger's key could. In memory, for small bundles.
 * @param records all but the statement.
 */
export async function signBundle(records: readonly BundleRecord[], signer: Signer): Promise<Buffer> {
  const body = Buffer.concat([MAGIC, ...records.map(({ type, payload }) => encodeRecord(type, payload))]);
  const first = records.find(({ type }) => type === 'M');
  const { tenant, made } = first === undefined ? {} : (parseJsonRecord(first.payload, 'the manifest') as Record<string, string>);
  const digest = createHash('sha256').update(body).digest('hex');
  const statement = await encodeStatement({ digest, tenant: tenant ?? '', made: made ?? '', counts: countRecords(records) }, signer);
  return Buffer.concat([body, encodeRecord('S', statement)]);
}

function countRecords(records: readonly BundleRecord[]): BundleCounts {
  const count = (type: string) => records.filter((record) => record.type === type).length;
  // Byte 9, after the index and the frame's version, is the kind: 2 is a dead letter.
  const deadLetters = records.filter(({ type, payload }) => type === 'E' && payload[9] === 2).length;
  return { logs: count('L'), entries: count('E'), deadLetters, checkpoints: count('C') };
}
